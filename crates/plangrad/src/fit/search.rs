//! The search for the largest size that a device grants: by the plan, or by doubling. Both end where the device refuses.
//!
//! It knows nothing of devices: a [`Judge`] tries a size and says what became of it.

use super::trial::{INDEX_LIMIT, Method, Options, Outcome, StoppedBy, Trial};
use crate::error::Result;
use crate::train::plans::largest;

/// Where the lessons begin to double. Nobody has to wait for a step of so many samples.
pub(super) const FIRST: usize = 16;

/// Who tries sizes.
pub(super) trait Judge {
    /// Really reserves memory for a size, and takes a step in it if it shall be `proven`.
    fn attempt(&mut self, batch_size: usize, proven: bool) -> Result<Trial>;

    /// Whether it fits as far as the plan says.
    fn fits_as_planned(&self, batch_size: usize) -> bool;

    /// The largest size up to this one that is tried within the time there is; 0 if there is none.
    fn in_time(&mut self, size: usize) -> Result<usize>;
}

/// A size beyond which it makes no sense to go, whatever memory there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) size: usize,
    pub(super) by: StoppedBy,
}

impl Limit {
    /// The lowest one for a dataset of so many samples.
    pub(super) fn of(samples: usize, options: &Options) -> Limit {
        let dataset = if options.synthetic { usize::MAX } else { samples };
        let limits = [
            Limit { size: dataset, by: StoppedBy::DatasetSize },
            Limit { size: options.max_batch.unwrap_or(usize::MAX), by: StoppedBy::MaxBatch },
        ];
        let all = Limit { size: INDEX_LIMIT, by: StoppedBy::IndexLimit };
        limits.into_iter().fold(all, |lowest, limit| if limit.size < lowest.size { limit } else { lowest })
    }
}

/// The largest size, proven.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) batch_size: usize,
    pub(super) total_bytes: u64,
    pub(super) measured_bytes: u64,
    pub(super) eval_batch_size: Option<usize>,
    pub(super) stopped_by: StoppedBy,
    pub(super) next_total_bytes: Option<u64>,
    pub(super) trials: Vec<Trial>,
}

/// Finds the largest size up to `limit` that the judge grants; `None` if that is none.
pub(super) fn search(method: Method, limit: Limit, judge: &mut dyn Judge) -> Result<Option<Found>> {
    let mut search = Search { judge, limit, fits: 0, proven: None, refused: None, trials: Vec::new() };
    match method {
        Method::Solve => search.solve()?,
        Method::Double => search.attempt(FIRST.min(limit.size), true)?,
    }
    let mut is_complete = search.close(false)?;
    while !search.prove()? {
        is_complete = search.close(true)?;
    }
    Ok(search.found(!is_complete))
}

struct Search<'a> {
    judge: &'a mut dyn Judge,
    limit: Limit,
    /// The largest size that was granted; 0 before any.
    fits: usize,
    /// The largest that has proven itself.
    proven: Option<Trial>,
    /// The smallest that was refused.
    refused: Option<Trial>,
    trials: Vec<Trial>,
}

impl Search<'_> {
    /// Tries what the plan says, and what it says does not fit.
    fn solve(&mut self) -> Result<()> {
        let planned = largest(self.limit.size, |size| Ok(self.judge.fits_as_planned(size)))?;
        let size = self.judge.in_time(planned)?.max(FIRST.min(planned));
        self.attempt(size, true)?;
        if self.fits == planned && planned < self.limit.size {
            self.attempt(planned + 1, true)?;
        }
        Ok(())
    }

    fn attempt(&mut self, batch_size: usize, proven: bool) -> Result<()> {
        let trial = self.judge.attempt(batch_size, proven)?;
        self.trials.push(trial);
        self.judged(trial);
        Ok(())
    }

    /// Draws the bounds closer. A size that is refused a step although it was granted is no size that fits.
    fn judged(&mut self, trial: Trial) {
        match trial.outcome {
            Outcome::Refused { .. } => {
                self.refused = Some(trial);
                if trial.batch_size == self.fits {
                    self.fits = self.proven.map_or(0, |proven| proven.batch_size);
                }
            }
            outcome => {
                self.fits = trial.batch_size;
                self.proven = if outcome == Outcome::Reserved { self.proven } else { Some(trial) };
            }
        }
    }

    /// Tries sizes until the one after the largest is refused, or is beyond the limit, each with a step if all shall prove
    /// themselves. False if there was no time for that.
    fn close(&mut self, all_proven: bool) -> Result<bool> {
        while let Some((size, proven)) = self.next() {
            if self.fits > 0 && self.judge.in_time(size)? < size {
                return Ok(false);
            }
            self.attempt(size, proven || all_proven)?;
        }
        Ok(true)
    }

    /// Makes the largest size granted prove itself if it has not yet. False if the device refuses it now.
    fn prove(&mut self) -> Result<bool> {
        let place = self.trials.iter().rposition(|trial| trial.batch_size == self.fits);
        let Some(place) = place.filter(|&place| self.trials[place].outcome == Outcome::Reserved) else {
            return Ok(true);
        };
        let trial = self.judge.attempt(self.fits, true)?;
        self.trials[place] = trial;
        self.judged(trial);
        Ok(trial.fits())
    }

    /// The next size to try, and whether it must prove itself: on the way up and down it must, in between memory tells.
    fn next(&self) -> Option<(usize, bool)> {
        match (self.fits, self.refused.map(|trial| trial.batch_size)) {
            (fits, None) => {
                (fits < self.limit.size).then(|| (fits.saturating_mul(2).min(self.limit.size), true))
            }
            (fits, Some(refused)) if refused - fits == 1 => None,
            (0, Some(refused)) => Some((refused / 2, true)),
            (fits, Some(refused)) => Some((fits + (refused - fits) / 2, false)),
        }
    }

    /// The largest size that has proven itself.
    fn found(self, is_late: bool) -> Option<Found> {
        let Trial { batch_size, total_bytes, outcome } = self.proven?;
        let Outcome::Proven { measured_bytes, eval_batch_size } = outcome else { return None };
        let stopped_by = self.stopped_by(is_late);
        let next = self.refused.filter(|refused| refused.batch_size == batch_size + 1);
        let next_total_bytes = next.map(|refused| refused.total_bytes);
        let trials = self.trials;
        Some(Found {
            batch_size,
            total_bytes,
            measured_bytes,
            eval_batch_size,
            stopped_by,
            next_total_bytes,
            trials,
        })
    }

    fn stopped_by(&self, is_late: bool) -> StoppedBy {
        match self.refused.map(|trial| trial.outcome) {
            _ if is_late => StoppedBy::Time,
            Some(Outcome::Refused { by, .. }) => by,
            _ => self.limit.by,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plangrad_tensor::Optimizer;

    use super::*;

    /// A device that grants sizes up to one, and says in its plan that it grants sizes up to another.
    struct Fake {
        grants: usize,
        plans: usize,
        /// It takes steps on batches up to this size, and runs out of memory in those on larger ones.
        steps: usize,
        attempts_in_time: usize,
        tried: Vec<(usize, bool)>,
    }

    fn fake(grants: usize, plans: usize) -> Fake {
        Fake { grants, plans, steps: usize::MAX, attempts_in_time: usize::MAX, tried: Vec::new() }
    }

    impl Judge for Fake {
        fn attempt(&mut self, batch_size: usize, proven: bool) -> Result<Trial> {
            self.tried.push((batch_size, proven));
            let total_bytes = 10 * batch_size as u64;
            let is_granted = batch_size <= if proven { self.grants.min(self.steps) } else { self.grants };
            let outcome = match (is_granted, proven) {
                (true, true) => Outcome::Proven { measured_bytes: total_bytes, eval_batch_size: None },
                (true, false) => Outcome::Reserved,
                (false, _) => Outcome::Refused { free_bytes: 10 * self.grants as u64, by: StoppedBy::Budget },
            };
            Ok(Trial { batch_size, total_bytes, outcome })
        }

        fn fits_as_planned(&self, batch_size: usize) -> bool {
            batch_size <= self.plans
        }

        fn in_time(&mut self, size: usize) -> Result<usize> {
            Ok(if self.tried.len() < self.attempts_in_time { size } else { 0 })
        }
    }

    const DATASET: Limit = Limit { size: 1000, by: StoppedBy::DatasetSize };

    fn sizes(found: &Found) -> Vec<usize> {
        found.trials.iter().map(|trial| trial.batch_size).collect()
    }

    #[test]
    fn both_methods_find_the_largest_size_and_see_the_next_one_refused() {
        for size in [1, 2, 15, 16, 17, 40, 1000] {
            let limit = Limit { size, ..DATASET };
            for grants in (0..70).chain([998, 999, 1000, 1001]) {
                let find = |method| search(method, limit, &mut fake(grants, grants)).unwrap();
                let (solved, doubled) = (find(Method::Solve), find(Method::Double));
                let (Some(solved), Some(doubled)) = (&solved, &doubled) else {
                    assert_eq!((grants, solved, doubled), (0, None, None));
                    continue;
                };
                let expected = grants.min(size);
                assert_eq!((solved.batch_size, doubled.batch_size), (expected, expected));
                assert_eq!(solved.measured_bytes, 10 * expected as u64);
                let is_refused = grants < size;
                let next = is_refused.then_some(10 * (expected as u64 + 1));
                let by = if is_refused { StoppedBy::Budget } else { StoppedBy::DatasetSize };
                assert_eq!((solved.next_total_bytes, doubled.next_total_bytes), (next, next));
                assert_eq!((solved.stopped_by, doubled.stopped_by), (by, by));
                assert_eq!(solved.trials.len(), 1 + usize::from(is_refused));
            }
        }
    }

    #[test]
    fn doubling_goes_as_the_lessons_do_and_then_between() {
        let mut device = fake(50, 50);
        let found = search(Method::Double, DATASET, &mut device).unwrap().unwrap();
        assert_eq!(sizes(&found), [16, 32, 64, 48, 56, 52, 50, 51]);
        let proven: Vec<usize> =
            device.tried.iter().filter(|(_, proven)| *proven).map(|(size, _)| *size).collect();
        assert_eq!(proven, [16, 32, 64, 50], "the steps of the lesson, and the size found");
    }

    #[test]
    fn where_16_does_not_fit_doubling_goes_down() {
        let find = |grants| search(Method::Double, DATASET, &mut fake(grants, grants)).unwrap();
        assert_eq!(sizes(&find(1).unwrap()), [16, 8, 4, 2, 1]);
        assert_eq!(sizes(&find(5).unwrap()), [16, 8, 4, 6, 5]);
    }

    #[test]
    fn a_plan_that_is_wrong_is_found_out_by_the_device() {
        for (grants, plans) in [(30, 700), (700, 30), (1, 1000), (1000, 1), (29, 30), (31, 30)] {
            let found = search(Method::Solve, DATASET, &mut fake(grants, plans)).unwrap().unwrap();
            assert_eq!(found.batch_size, grants, "{plans} planned");
        }
    }

    #[test]
    fn without_time_the_largest_size_so_far_is_told() {
        let mut device = Fake { attempts_in_time: 3, ..fake(500, 500) };
        let found = search(Method::Double, DATASET, &mut device).unwrap().unwrap();
        assert_eq!((found.batch_size, found.stopped_by, found.next_total_bytes), (64, StoppedBy::Time, None));
        let mut late = Fake { attempts_in_time: 0, ..fake(500, 500) };
        let found = search(Method::Solve, DATASET, &mut late).unwrap().unwrap();
        assert_eq!((sizes(&found), found.stopped_by), (vec![16], StoppedBy::Time), "the least is tried");
    }

    #[test]
    fn a_size_that_is_granted_and_cannot_take_its_step_does_not_fit() {
        for (grants, steps) in [(700, 600), (1000, 513), (50, 49), (50, 32), (17, 16), (12, 3), (3, 0)] {
            for plans in [grants, steps, 1000] {
                let find =
                    |method| search(method, DATASET, &mut Fake { steps, ..fake(grants, plans) }).unwrap();
                let (Some(solved), Some(doubled)) = (find(Method::Solve), find(Method::Double)) else {
                    assert_eq!(steps, 0, "{grants} are granted");
                    continue;
                };
                assert_eq!((solved.batch_size, doubled.batch_size), (steps, steps), "{grants} are granted");
                let next = Some(10 * (steps as u64 + 1));
                assert_eq!((solved.next_total_bytes, doubled.next_total_bytes), (next, next));
                assert_eq!((solved.stopped_by, doubled.stopped_by), (StoppedBy::Budget, StoppedBy::Budget));
            }
        }
    }

    #[test]
    fn the_lowest_limit_is_the_one_that_is_told() {
        let options = |max_batch, synthetic| Options {
            optimizer: Optimizer::adam(),
            eval_batch_size: None,
            method: Method::Solve,
            safety: 0.8,
            max_batch,
            synthetic,
            time_limit: Duration::ZERO,
            measures_speed: true,
            is_budget_named: true,
        };
        let limit = |max_batch, synthetic| {
            let Limit { size, by } = Limit::of(1000, &options(max_batch, synthetic));
            (size, by)
        };
        assert_eq!(limit(None, false), (1000, StoppedBy::DatasetSize));
        assert_eq!(limit(Some(1000), false), (1000, StoppedBy::DatasetSize));
        assert_eq!(limit(Some(999), false), (999, StoppedBy::MaxBatch));
        assert_eq!(limit(Some(5000), true), (5000, StoppedBy::MaxBatch));
        assert_eq!(limit(None, true), (4_294_967_295, StoppedBy::IndexLimit));
        assert_eq!(limit(Some(usize::MAX), true), (4_294_967_295, StoppedBy::IndexLimit));
    }
}
