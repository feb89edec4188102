//! The search for the largest size that a device grants: from the plan, or by doubling. Both end where the device refuses.
//!
//! It knows nothing of devices: a [`Probe`] tries a size and reports the outcome.

use super::trial::{Fit, FitOptions, INDEX_LIMIT, Method, StoppedBy, Trial, TrialOutcome};
use crate::error::Result;

/// Where lessons begin to double. A step on so few samples is always affordable.
pub(super) const FIRST: usize = 16;

/// Tries sizes.
pub(super) trait Probe {
    /// Reserves memory for a size, and takes a step and an evaluation batch in it.
    fn attempt(&mut self, batch_size: usize) -> Result<Trial>;

    /// The largest size up to `limit` that fits according to its plan; 0 if none does.
    fn largest_planned(&self, limit: usize) -> usize;

    /// The largest size up to `size` that can be tried in the time left; 0 if there is none.
    fn in_time(&mut self, size: usize) -> Result<usize>;
}

/// A size beyond which no larger one is of interest, however much memory there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) size: usize,
    pub(super) by: StoppedBy,
}

impl Limit {
    /// The lowest limit for a dataset of so many samples.
    pub(super) fn of(samples: usize, options: &FitOptions) -> Limit {
        let dataset = if options.synthetic { usize::MAX } else { samples };
        let limits = [
            Limit { size: dataset, by: StoppedBy::DatasetSize },
            Limit { size: options.max_batch.unwrap_or(usize::MAX), by: StoppedBy::MaxBatch },
        ];
        let all = Limit { size: INDEX_LIMIT, by: StoppedBy::IndexLimit };
        limits.into_iter().fold(all, |lowest, limit| if limit.size < lowest.size { limit } else { lowest })
    }
}

/// Finds the largest size up to `limit` that fits by the probe; `None` if none does. No speed is measured yet.
pub(super) fn search(method: Method, limit: Limit, probe: &mut dyn Probe) -> Result<Option<Fit>> {
    let (planned, mut size) = match method {
        Method::Solve => {
            let planned = probe.largest_planned(limit.size).max(1);
            (Some(planned), probe.in_time(planned)?.max(FIRST.min(planned)))
        }
        Method::Double => (None, FIRST.min(limit.size)),
    };
    let (mut largest, mut refused, mut trials) = (None, None, Vec::new());
    let is_late = loop {
        let trial = probe.attempt(size)?;
        trials.push(trial);
        if trial.fits() {
            largest = Some(trial)
        } else {
            refused = Some(trial)
        }
        let fits = largest.map_or(0, |trial| trial.batch_size);
        let Some(next) = next(fits, refused.map(|trial| trial.batch_size), planned, limit.size) else {
            break false;
        };
        if fits > 0 && probe.in_time(next)? < next {
            break true;
        }
        size = next;
    };
    let Some(Trial { batch_size: max_batch_size, total_bytes, outcome }) = largest else { return Ok(None) };
    let TrialOutcome::Proven { measured_bytes, eval_batch_size } = outcome else { return Ok(None) };
    let stopped_by = match refused.map(|trial| trial.outcome) {
        _ if is_late => StoppedBy::Time,
        Some(TrialOutcome::Refused { by, .. }) => by,
        _ => limit.by,
    };
    let next_total_bytes = refused.filter(|_| !is_late).map(|trial| trial.total_bytes);
    Ok(Some(Fit {
        max_batch_size,
        eval_batch_size,
        stopped_by,
        total_bytes,
        measured_bytes,
        next_total_bytes,
        trials,
        throughput: Vec::new(),
    }))
}

/// The size to try next, from the largest that fits (0 if none does) and the smallest that was refused; `None` if the one
/// after the largest was refused, or is beyond the limit.
fn next(fits: usize, refused: Option<usize>, planned: Option<usize>, limit: usize) -> Option<usize> {
    match refused {
        None if fits == limit => None,
        None if planned == Some(fits) => Some(fits + 1), // which must be refused, if the plan is right
        None => Some(fits.saturating_mul(2).min(limit)),
        Some(refused) if refused == fits + 1 => None,
        Some(refused) => Some(fits + (refused - fits) / 2),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plangrad_tensor::Optimizer;

    use super::*;
    use crate::device::BudgetOrigin;
    use crate::train::StepMemory;

    /// A device that grants sizes up to one, while its plan says that it grants sizes up to another.
    struct Fake {
        grants: usize,
        plans: usize,
        attempts_in_time: usize,
        tried: usize,
    }

    fn fake(grants: usize, plans: usize) -> Fake {
        Fake { grants, plans, attempts_in_time: usize::MAX, tried: 0 }
    }

    impl Probe for Fake {
        fn attempt(&mut self, batch_size: usize) -> Result<Trial> {
            self.tried += 1;
            let total_bytes = 10 * batch_size as u64;
            let outcome = if batch_size <= self.grants {
                TrialOutcome::Proven { measured_bytes: total_bytes, eval_batch_size: None }
            } else {
                TrialOutcome::Refused { free_bytes: 10 * self.grants as u64, by: StoppedBy::Budget }
            };
            Ok(Trial { batch_size, total_bytes, outcome })
        }

        fn largest_planned(&self, limit: usize) -> usize {
            self.plans.min(limit)
        }

        fn in_time(&mut self, size: usize) -> Result<usize> {
            Ok(if self.tried < self.attempts_in_time { size } else { 0 })
        }
    }

    const DATASET: Limit = Limit { size: 1000, by: StoppedBy::DatasetSize };

    fn sizes(found: &Fit) -> Vec<usize> {
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
                assert_eq!((solved.max_batch_size, doubled.max_batch_size), (expected, expected));
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
    fn doubling_follows_the_lessons_and_then_bisects() {
        let found = search(Method::Double, DATASET, &mut fake(50, 50)).unwrap().unwrap();
        assert_eq!(sizes(&found), [16, 32, 64, 48, 56, 52, 50, 51]);
    }

    #[test]
    fn doubling_goes_down_if_16_does_not_fit() {
        let find = |grants| search(Method::Double, DATASET, &mut fake(grants, grants)).unwrap();
        assert_eq!(sizes(&find(1).unwrap()), [16, 8, 4, 2, 1]);
        assert_eq!(sizes(&find(5).unwrap()), [16, 8, 4, 6, 5]);
    }

    #[test]
    fn a_wrong_plan_is_corrected_by_the_device() {
        for (grants, plans) in [(30, 700), (700, 30), (1, 1000), (1000, 1), (29, 30), (31, 30)] {
            let found = search(Method::Solve, DATASET, &mut fake(grants, plans)).unwrap().unwrap();
            assert_eq!(found.max_batch_size, grants, "{plans} planned");
        }
    }

    #[test]
    fn without_time_the_largest_size_so_far_is_returned() {
        let mut device = Fake { attempts_in_time: 3, ..fake(500, 500) };
        let found = search(Method::Double, DATASET, &mut device).unwrap().unwrap();
        assert_eq!(
            (found.max_batch_size, found.stopped_by, found.next_total_bytes),
            (64, StoppedBy::Time, None)
        );
        let mut late = Fake { attempts_in_time: 0, ..fake(500, 500) };
        let found = search(Method::Solve, DATASET, &mut late).unwrap().unwrap();
        assert_eq!((sizes(&found), found.stopped_by), (vec![16], StoppedBy::Time), "the smallest is tried");
    }

    #[test]
    fn the_lowest_limit_is_the_one_reported() {
        let options = |max_batch, synthetic| FitOptions {
            optimizer: Optimizer::adam(),
            eval_batch_size: None,
            memory: StepMemory::default(),
            method: Method::Solve,
            safety: 0.8,
            max_batch,
            synthetic,
            time_limit: Duration::ZERO,
            measures_speed: true,
            budget: BudgetOrigin::Named,
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
