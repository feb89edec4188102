//! How a run, a search or a sweep is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Error, ErrorKind, Result};

/// Asks a run to stop after the current step. Clones ask the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Asks on Ctrl-C and SIGTERM from now on; a second signal ends the program at once, with the exit code of an
    /// interruption. For commands that have nothing to save.
    #[must_use]
    pub fn at_signals() -> Stop {
        let stop = Stop::default();
        for signal in [SIGINT, SIGTERM] {
            // If this fails, a signal ends the program. The first handler acts on what the second one set.
            let _ = flag::register_conditional_shutdown(
                signal,
                i32::from(ErrorKind::INTERRUPTED),
                Arc::clone(&stop.0),
            );
            let _ = flag::register(signal, Arc::clone(&stop.0));
        }
        stop
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Ends work that has nothing to save, if a stop was asked for.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn check(&self) -> Result<()> {
        if self.asked() { Err(Error::Stopped) } else { Ok(()) }
    }
}
