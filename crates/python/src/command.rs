//! Commands: each works on a thread of its own, while the one that called it waits without the interpreter's lock, hears what it
//! says and looks for signals.

use std::ffi::OsString;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use plangrad::train::Stop;
use plangrad::{ErrorKind, Host, OptionValue, Result};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyTuple};

use crate::error::exception;

/// Between two looks for signals.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs the program with these arguments, the first its name. Returns its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    plangrad::process::started();
    plangrad::process::survive_file_size_limits();
    py.detach(|| plangrad::exit_code(arguments))
}

/// The options of a command: name, what its value is called, possible values, help.
#[pyfunction]
pub(crate) fn options(command: &str) -> Vec<(String, Option<String>, Vec<String>, String)> {
    let options = plangrad::options(command).into_iter();
    options.map(|option| (option.name, option.value, option.choices, option.help)).collect()
}

/// Does what `plangrad COMMAND` does. What it says goes to `hear(kind, text)`, which ends it by returning true.
#[pyfunction]
pub(crate) fn call(
    py: Python<'_>,
    command: String,
    options: &Bound<'_, PyDict>,
    hear: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let options = options.iter().filter(|(_, value)| !value.is_none());
    let options = options.map(|(name, value)| Ok((name.extract()?, option(&value)?)));
    let options: Vec<(String, OptionValue)> = options.collect::<PyResult<_>>()?;
    let stop = Stop::default();
    let (host, mut said) = Messenger::pair();
    let asked = stop.clone();
    let work = move || plangrad::call(&command, &options, Box::new(host), &asked);
    let worker = thread::Builder::new().name("plangrad".to_owned()).spawn(work)?;
    let heard = listen(py, &mut said, hear, &stop);
    let done = py.detach(|| worker.join());
    let done =
        done.map_err(|_| PyRuntimeError::new_err("plangrad has panicked; its message is on standard error"))?;
    outcome(py, heard?, done)
}

/// What has become of a command whose messages were all heard; `ended` says whether the hearer has ended it.
fn outcome(py: Python<'_>, ended: bool, done: Result<()>) -> PyResult<()> {
    match done {
        Err(error) if ended && error.kind() == ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(exception(py, &error)),
        Ok(()) => Ok(()),
    }
}

/// What a command says, and what it waits for afterwards.
enum Said {
    Result(String),
    Remark(String),
    Warning(String),
}

/// Brings what a command says to the thread that has called it, and waits until it was heard.
struct Messenger {
    messages: Sender<Said>,
    heard: Receiver<()>,
}

/// The other end.
struct Messages {
    messages: Receiver<Said>,
    heard: Sender<()>,
}

impl Messenger {
    fn pair() -> (Messenger, Messages) {
        let (to, messages) = channel();
        let (heard, from) = channel();
        (Messenger { messages: to, heard: from }, Messages { messages, heard })
    }

    fn say(&self, said: Said) {
        if self.messages.send(said).is_ok() {
            let _ = self.heard.recv(); // the listener may have gone
        }
    }
}

impl Host for Messenger {
    fn result(&mut self, json: &str) {
        self.say(Said::Result(json.to_owned()));
    }

    fn remark(&mut self, text: &str) {
        self.say(Said::Remark(text.to_owned()));
    }

    fn warning(&mut self, text: &str) {
        self.say(Said::Warning(text.to_owned()));
    }
}

/// Hears a command to its end. Returns whether the hearer has ended it; the error is an exception of the hearer, or a signal's,
/// which ends it too.
fn listen(py: Python<'_>, said: &mut Messages, hear: &Bound<'_, PyAny>, stop: &Stop) -> PyResult<bool> {
    let mut ended = Ok(false);
    loop {
        let messages = &mut said.messages;
        let message = py.detach(move || messages.recv_timeout(PAUSE));
        let told = message.as_ref().map_or(Ok(false), |message| tell(hear, message));
        ended = ended.and_then(|before| {
            let now = told?;
            py.check_signals()?;
            Ok(before || now)
        });
        if !matches!(ended, Ok(false)) {
            stop.ask();
        }
        match message {
            Ok(_) => drop(said.heard.send(())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return ended,
        }
    }
}

fn tell(hear: &Bound<'_, PyAny>, said: &Said) -> PyResult<bool> {
    let (kind, text) = match said {
        Said::Result(text) => ("result", text),
        Said::Remark(text) => ("remark", text),
        Said::Warning(text) => ("warning", text),
    };
    hear.call1((kind, text))?.is_truthy()
}

/// An option as the command line has it.
fn option(value: &Bound<'_, PyAny>) -> PyResult<OptionValue> {
    if let Ok(switch) = value.cast::<PyBool>() {
        return Ok(OptionValue::Switch(switch.is_true()));
    }
    if value.cast::<PyList>().is_ok() || value.cast::<PyTuple>().is_ok() {
        let words = value.try_iter()?.map(|value| word(&value?));
        return words.collect::<PyResult<_>>().map(OptionValue::Several);
    }
    word(value).map(OptionValue::One)
}

/// A value as it would be typed: a path, a text, or a number.
fn word(value: &Bound<'_, PyAny>) -> PyResult<OsString> {
    if let Ok(word) = value.extract::<OsString>() {
        return Ok(word);
    }
    if value.hasattr("__fspath__")? {
        return value.call_method0("__fspath__")?.extract();
    }
    if !value.hasattr("__float__")? {
        let found = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "an option is a text, a number, a path or a list, not {found}"
        )));
    }
    value.str()?.extract()
}
