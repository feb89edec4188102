//! Work that is done again and again, but seldom enough.

use std::time::{Duration, Instant};

/// A hundredth of the time goes into the work.
const REST: u32 = 99;

/// When the work may be done again.
#[derive(Debug)]
pub(crate) struct Sparing {
    next: Instant,
}

impl Sparing {
    pub(crate) fn new() -> Sparing {
        Sparing { next: Instant::now() }
    }

    /// Whether it may be done now.
    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    /// Does it, and rests.
    pub(crate) fn work<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.rest_after(began.elapsed());
        done
    }

    fn rest_after(&mut self, took: Duration) {
        self.next = Instant::now() + took * REST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_due_again_after_99_times_as_long_as_it_took() {
        let mut sparing = Sparing::new();
        assert!(sparing.is_due());
        let before = Instant::now();
        sparing.work(|| std::thread::sleep(Duration::from_millis(5)));
        assert!(!sparing.is_due());
        assert!(sparing.next >= before + Duration::from_millis(500));
    }
}
