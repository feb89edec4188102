//! Whether the clock moves: where it stands still (in some sandboxes, or in a process that is made to believe so), whoever
//! waits for a time to pass waits for ever.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How long is slept to see the clock move.
const PAUSE: Duration = Duration::from_millis(2);
/// How much slower than the sleep it may be.
const SLOWEST: u32 = 4;

/// Refuses to time anything by a clock that stands still, or nearly.
///
/// # Errors
/// [`Error::ClockStopped`].
pub(crate) fn check() -> Result<()> {
    check_with(Instant::now)
}

fn check_with(now: impl Fn() -> Instant) -> Result<()> {
    let started = now();
    sleep(PAUSE); // at least as long, whatever the clock says
    if now().saturating_duration_since(started) < PAUSE / SLOWEST { Err(Error::ClockStopped) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_still_or_runs_backwards_is_refused() {
        let now = Instant::now();
        let backwards = std::cell::Cell::new(now + Duration::from_secs(9));
        let step_back = || backwards.replace(backwards.get() - Duration::from_secs(1));
        assert!(matches!(check_with(|| now), Err(Error::ClockStopped)));
        assert!(matches!(check_with(step_back), Err(Error::ClockStopped)));
        check().unwrap();
    }
}
