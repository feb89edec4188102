//! How fast a run goes, and how long it will take, as seen from outside.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over which time the speed is taken.
const WINDOW: Duration = Duration::from_secs(10);

/// Samples done, each with the moment at which it was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    seen: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// So many samples are done by now.
    pub(super) fn see(&mut self, now: Instant, samples: u64) {
        if self.seen.back().is_some_and(|&(_, before)| samples < before) {
            self.seen.clear(); // another run, or one that was resumed
        }
        self.seen.push_back((now, samples));
        while self.seen.len() > 2 && self.seen[1].0 + WINDOW < now {
            self.seen.pop_front();
        }
    }

    /// Samples per second; `None` before anything has moved.
    pub(super) fn samples_per_second(&self) -> Option<f64> {
        let (&(first, from), &(last, to)) = (self.seen.front()?, self.seen.back()?);
        let seconds = (last - first).as_secs_f64();
        (seconds > 0.0 && to > from).then(|| (to - from) as f64 / seconds)
    }

    /// How long so many samples will take.
    pub(super) fn time_for(&self, samples: u64) -> Option<Duration> {
        let seconds = samples as f64 / self.samples_per_second()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(pace.samples_per_second(), None);
        pace.see(at(0), 0);
        assert_eq!(pace.samples_per_second(), None);
        (1..=20).for_each(|second| pace.see(at(second), 100 * second));
        (21..=40).for_each(|second| pace.see(at(second), 2000 + 500 * (second - 20)));
        assert_eq!(pace.samples_per_second(), Some(500.0));
        assert_eq!(pace.time_for(1000), Some(Duration::from_secs(2)));
        pace.see(at(41), 10);
        assert_eq!(pace.samples_per_second(), None, "it has begun again");
    }
}
