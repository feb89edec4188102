//! Ctrl-C and SIGTERM: the first asks the run to stop and save, a later one ends the program at once.
//!
//! Signal handlers may do next to nothing, so they set a flag that a separate thread polls; that works on every system, which
//! waiting for signals does not. The thread must answer whatever the others are doing, so each of its lines is written within
//! a time limit: a blocked terminal must not keep the program alive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::exit;

use super::stop::Stop;
use crate::error::ErrorKind;
use crate::host;
use crate::output::Console;
use crate::screen::GivesWay;

/// Pause between two looks at the flag: short for a user, long for a CPU.
const PAUSE: Duration = Duration::from_millis(20);

/// A signal so soon after the first is the same request: `timeout` sends its signal to the program and to its group.
const SAME_REQUEST: Duration = Duration::from_millis(500);

/// How long writing a line may take.
const PATIENCE: Duration = Duration::from_millis(300);

/// What the signals asked for, and what to say about the work they interrupt.
#[derive(Clone, Default)]
pub struct Interrupts {
    stop: Stop,
    /// The command that resumes the run, once there is one.
    resume: Arc<OnceLock<String>>,
    /// What shows progress, and gives way to lines.
    progress: Arc<Mutex<Option<Arc<dyn GivesWay>>>>,
}

impl Interrupts {
    /// Listens from now on. If that fails, a signal ends the program. A host listens itself.
    #[must_use]
    pub fn listen() -> Interrupts {
        if let Some(stop) = host::stop() {
            return Interrupts { stop, ..Interrupts::default() };
        }
        let interrupts = Interrupts::default();
        let (listener, came) = (interrupts.clone(), Arc::new(AtomicBool::new(false)));
        let handlers = Arc::clone(&came);
        let thread = thread::Builder::new().name("signals".to_owned());
        if thread.spawn(move || listener.answer(&came)).is_ok() {
            for signal in [SIGINT, SIGTERM] {
                let _ = flag::register(signal, Arc::clone(&handlers));
            }
        }
        interrupts
    }

    /// What the signals ask to stop.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// From now on there is a run with a checkpoint: the command that resumes it, and what shows its progress.
    pub fn run_begins(&self, resume: &str, progress: impl GivesWay + 'static) {
        self.shows(progress);
        let _ = self.resume.set(resume.to_owned()); // there is one run in a program
    }

    /// From now on this shows progress.
    pub fn shows(&self, progress: impl GivesWay + 'static) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(progress));
    }

    /// Answers the signals until the program ends.
    fn answer(&self, came: &AtomicBool) {
        let wait = || {
            while !came.swap(false, Ordering::AcqRel) {
                thread::sleep(PAUSE);
            }
        };
        wait();
        let first = Instant::now();
        self.say(match self.resume.get() {
            None => "stopping; press Ctrl-C again to end at once",
            Some(_) => "stopping after this step and saving; press Ctrl-C again to end without saving",
        });
        self.stop.ask(); // second, so that nothing the run says as it ends comes before
        loop {
            wait();
            if first.elapsed() > SAME_REQUEST {
                self.say(&self.farewell());
                exit(i32::from(ErrorKind::INTERRUPTED));
            }
        }
    }

    fn farewell(&self) -> String {
        match self.resume.get() {
            None => "ended at once; no file was written".to_owned(),
            Some(resume) => format!(
                "ended without saving; the run stands at its last checkpoint, continue with: {resume}"
            ),
        }
    }

    /// Writes a line to standard error, where what shows progress gives way.
    fn say(&self, line: &str) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let line = line.to_owned();
        let (done, said) = channel();
        let write = move || {
            match progress {
                Some(progress) => progress.give_way(&mut || Console::remark(&line)),
                None => Console::remark(&line),
            }
            let _ = done.send(()); // the receiver may have given up
        };
        if thread::Builder::new().spawn(write).is_ok() {
            let _ = said.recv_timeout(PATIENCE);
        }
    }
}
