//! Standard output and standard error: what goes where.
//!
//! Results go to standard output, as text or as one JSON object per line; remarks, warnings, progress and errors go to
//! standard error. It is a failure if standard output cannot be written, but not if standard error cannot.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use serde::Serialize;

use super::untrusted::{escaped, printable};
use super::wrap::wrapped;
use crate::colour::Colour;
use crate::error::{Error, ErrorKind, Result};
use crate::host;
use crate::picture::Graphics;

/// Whether `--quiet` was given.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Columns of a terminal whose width is unknown.
const DEFAULT_WIDTH: usize = 80;

/// What standard output carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    #[value(help = None)]
    Human,
    /// One JSON object per line.
    #[value(help = None)]
    Json,
}

/// Where a command's results go.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    format: Format,
}

impl Console {
    /// A console that writes results in this format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether results are JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes a result for people, without control characters, which names from outside may hold; nothing in JSON.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn text(&self, text: &dyn Display) -> Result<()> {
        if self.is_json() {
            return Ok(());
        }
        write_line(&wrapped(&printable(&text.to_string()), columns(&io::stdout())))
    }

    /// The same for commands to be copied, whose lines stay whole whatever the terminal's width.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub(crate) fn commands(&self, text: &dyn Display) -> Result<()> {
        if self.is_json() { Ok(()) } else { write_line(&printable(&text.to_string())) }
    }

    /// The same for text that contains colours. The caller makes names from outside printable.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub(crate) fn drawing(&self, text: &dyn Display) -> Result<()> {
        if self.is_json() { Ok(()) } else { write_line(text) }
    }

    /// Writes a result for programs as one line; nothing for people.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn json(&self, object: &impl Serialize) -> Result<()> {
        if !self.is_json() {
            return Ok(());
        }
        let line = serde_json::to_string(object).map_err(|error| Error::Output(error.into()))?;
        let line = escaped(&line);
        if host::tell(|host| host.result(&line.to_string())) { Ok(()) } else { write_line(&line) }
    }

    /// Leaves remarks and progress out from now on, in the whole process.
    pub(crate) fn be_quiet() {
        QUIET.store(true, Ordering::Relaxed);
    }

    /// Whether remarks and progress are left out.
    pub(crate) fn is_quiet() -> bool {
        QUIET.load(Ordering::Relaxed)
    }

    /// Writes a remark to standard error, where it is not part of the result.
    pub fn remark(text: &dyn Display) {
        if !Console::is_quiet() && !host::tell(|host| host.remark(&printable(&text.to_string()))) {
            Console::say(text);
        }
    }

    fn say(text: &dyn Display) {
        let text = printable(&text.to_string());
        let _ = writeln!(io::stderr(), "{}", wrapped(&text, columns(&io::stderr())));
    }

    /// Writes a warning to standard error.
    pub fn warning(text: &dyn Display) {
        if !host::tell(|host| host.warning(&printable(&text.to_string()))) {
            Self::say(&format_args!("warning: {text}"));
        }
    }

    /// Reports why the program ends: a sentence on standard error, and in JSON also an object on standard output.
    pub fn error(&self, error: &Error) {
        Self::say(&format_args!("error: {}", error.sentence()));
        let _ = self.json(&ErrorEvent { event: "error", kind: error.kind(), message: error.sentence() });
    }

    /// The colours standard output has.
    #[must_use]
    pub fn colour(&self) -> Colour {
        if self.is_json() { Colour::None } else { Colour::detect(io::stdout().is_terminal()) }
    }

    /// How standard output shows pictures.
    #[must_use]
    pub fn graphics(&self) -> Graphics {
        if self.is_json() { Graphics::None } else { Graphics::detect(io::stdout().is_terminal()) }
    }

    /// Columns of the terminal; 80 if there is none.
    #[must_use]
    pub fn width() -> usize {
        terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
    }

    /// Columns of standard output, if it is a terminal.
    #[must_use]
    pub(crate) fn columns() -> Option<usize> {
        columns(&io::stdout())
    }

    /// Whether standard error is a terminal, so that progress may be drawn there.
    #[must_use]
    pub fn is_watched() -> bool {
        io::stderr().is_terminal() && !Console::is_quiet() && !host::is_there()
    }
}

#[derive(Serialize)]
struct ErrorEvent {
    event: &'static str,
    kind: ErrorKind,
    message: String,
}

/// The columns of a stream, if it is a terminal.
fn columns(stream: &impl IsTerminal) -> Option<usize> {
    stream.is_terminal().then(Console::width).filter(|&width| width > 0)
}

fn write_line(text: &dyn Display) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Error::Output)
}
