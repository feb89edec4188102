//! How many threads of a gang pay, found out by trying while a program runs.
//!
//! Threads cost time at every barrier: too much where a step is small, and far too much where the machine is busy with
//! other things, since then one of them often waits for a core. No formula knows that. So now and then a few milliseconds
//! are run with half and with twice as many threads, and the fastest number is kept. Bits do not depend on it.

use std::time::Duration;

/// Criteria for choosing a number of threads: at least so many steps, and so long; or long enough, however few the steps.
const TRIAL_STEPS: usize = 8;
const TRIAL: Duration = Duration::from_millis(5);
const LONG_TRIAL: Duration = Duration::from_millis(20);

/// Steps that take longer are not tried with fewer threads: their barriers do not matter.
const LONG_STEP: f64 = 2e-3;

/// Time before the first trial, for memory and threads to warm up.
const WARM_UP: Duration = Duration::from_millis(20);

/// Time from one trial to the next: the first, and the longest after many that changed nothing.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// By how much another number must be faster to be preferred: less may be chance.
const MARGIN: f64 = 0.9;

/// The number of threads that has proved best so far, and the trial that is under way.
#[derive(Debug)]
pub(super) struct Tempo {
    most: usize,
    best: usize,
    /// Candidates of the trial under way; empty between two.
    trial: [Option<Candidate>; 3],
    pause: Duration,
    /// Who won the last trial against the best, and has to win another: a disturbance seldom comes twice.
    challenger: Option<usize>,
    /// How long the best has been running since the last trial.
    run: Duration,
}

/// A number of threads on trial.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    threads: usize,
    steps: usize,
    time: Duration,
}

impl Candidate {
    fn new(threads: usize) -> Candidate {
        Candidate { threads, steps: 0, time: Duration::ZERO }
    }

    fn is_measured(&self) -> bool {
        self.steps >= TRIAL_STEPS && self.time >= TRIAL || self.time >= LONG_TRIAL
    }

    fn seconds_per_step(&self) -> f64 {
        self.time.as_secs_f64() / self.steps as f64
    }
}

impl Tempo {
    /// Up to `most` threads, to begin with all of them.
    pub(super) fn new(most: usize) -> Tempo {
        let (trial, run) = ([None; 3], Duration::ZERO);
        Tempo { most, best: most, trial, pause: WARM_UP, challenger: None, run }
    }

    /// The numbers of threads that may be tried where there are `most`.
    pub(super) fn candidates(most: usize) -> Vec<usize> {
        let mut candidates = vec![most];
        let mut i = 0;
        while i < candidates.len() {
            for next in [candidates[i].div_ceil(2), (2 * candidates[i]).min(most)] {
                if !candidates.contains(&next) {
                    candidates.push(next);
                }
            }
            i += 1;
        }
        candidates
    }

    /// With how many threads to run next, and at most how many of the `left` steps.
    pub(super) fn next(&self, left: usize) -> (usize, usize) {
        match self.on_trial() {
            Some(candidate) => {
                (candidate.threads, left.min(if candidate.steps == 0 { 1 } else { TRIAL_STEPS }))
            }
            None => (self.best, left),
        }
    }

    /// Takes note of how long the steps took that [`Tempo::next`] said.
    pub(super) fn took(&mut self, steps: usize, time: Duration) {
        match self.trial.iter_mut().flatten().find(|candidate| !candidate.is_measured()) {
            Some(candidate) => {
                candidate.steps += steps;
                candidate.time += time;
                self.spare_long_steps();
                if self.on_trial().is_none() {
                    self.decide();
                }
            }
            None => {
                self.run += time;
                if self.most > 1 && self.run >= self.pause {
                    self.begin_trial();
                }
            }
        }
    }

    fn on_trial(&self) -> Option<&Candidate> {
        self.trial.iter().flatten().find(|candidate| !candidate.is_measured())
    }

    fn begin_trial(&mut self) {
        let (half, double) = (self.best.div_ceil(2), (2 * self.best).min(self.most));
        let others = [half, double].map(|threads| (threads != self.best).then(|| Candidate::new(threads)));
        if others.iter().any(Option::is_some) {
            self.trial = [Some(Candidate::new(self.best)), others[0], others[1]];
        }
    }

    /// Takes smaller numbers of threads from the trial once the best, which goes first, has shown that steps are long.
    fn spare_long_steps(&mut self) {
        let [Some(first), others @ ..] = &mut self.trial else { return };
        if first.is_measured() && first.seconds_per_step() > LONG_STEP {
            let most = first.threads;
            others.iter_mut().for_each(|other| *other = other.filter(|other| other.threads > most));
        }
    }

    fn decide(&mut self) {
        let weight = |candidate: &Candidate| {
            candidate.seconds_per_step() * if candidate.threads == self.best { MARGIN } else { 1.0 }
        };
        let fastest = self.trial.iter().flatten().min_by(|a, b| weight(a).total_cmp(&weight(b)));
        let fastest = fastest.map_or(self.best, |candidate| candidate.threads);
        (self.run, self.trial) = (Duration::ZERO, [None; 3]);
        if fastest != self.best && self.challenger != Some(fastest) {
            self.challenger = Some(fastest);
            return self.begin_trial();
        }
        let unchanged = fastest == self.best;
        self.pause =
            if unchanged { (2 * self.pause).clamp(SHORTEST_PAUSE, LONGEST_PAUSE) } else { SHORTEST_PAUSE };
        (self.best, self.challenger) = (fastest, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs steps that take as long as `cost` says for a number of threads; returns the steps run with each.
    fn run(tempo: &mut Tempo, seconds: f64, cost: impl Fn(usize) -> f64) -> Vec<usize> {
        let (mut steps, mut passed) = (vec![0; tempo.most + 1], 0.0);
        while passed < seconds {
            let (threads, count) = tempo.next(10);
            let time = count as f64 * cost(threads);
            tempo.took(count, Duration::from_secs_f64(time));
            (steps[threads], passed) = (steps[threads] + count, passed + time);
        }
        steps
    }

    #[test]
    fn where_threads_pay_nearly_all_steps_are_run_with_all_of_them() {
        let mut tempo = Tempo::new(16);
        let steps = run(&mut tempo, 5.0, |threads| 1e-3 / threads as f64);
        assert!(steps[16] as f64 > 0.95 * steps.iter().sum::<usize>() as f64, "{steps:?}");
    }

    #[test]
    fn where_they_cost_one_is_soon_enough() {
        let mut tempo = Tempo::new(16);
        run(&mut tempo, 1.0, |threads| 1e-5 + 1e-5 * threads as f64);
        let steps = run(&mut tempo, 5.0, |threads| 1e-5 + 1e-5 * threads as f64);
        assert!(steps[1] as f64 > 0.95 * steps.iter().sum::<usize>() as f64, "{steps:?}");
    }

    #[test]
    fn it_finds_back_when_the_machine_is_free_again() {
        let mut tempo = Tempo::new(2);
        run(&mut tempo, 3.0, |threads| if threads == 2 { 1e-3 } else { 2e-4 });
        assert_eq!(tempo.best, 1);
        run(&mut tempo, 3.0, |threads| 2e-4 / threads as f64);
        assert_eq!(tempo.best, 2);
    }

    #[test]
    fn one_disturbance_changes_nothing() {
        let mut tempo = Tempo::new(2);
        let mut passed = 0.0;
        while passed < 5.0 {
            let (threads, count) = tempo.next(10);
            let in_trial = tempo.on_trial().is_some();
            let disturbed = in_trial && threads == 2 && tempo.challenger.is_none();
            let time = count as f64 * if disturbed { 1e-3 } else { 2e-4 / threads as f64 };
            tempo.took(count, Duration::from_secs_f64(time));
            passed += time;
            assert_eq!(tempo.best, 2);
        }
    }

    #[test]
    fn a_difference_that_may_be_chance_changes_nothing() {
        let mut tempo = Tempo::new(4);
        run(&mut tempo, 5.0, |threads| if threads == 4 { 1.05e-4 } else { 1e-4 });
        assert_eq!(tempo.best, 4);
    }

    #[test]
    fn long_steps_are_run_with_all_threads_and_none_is_wasted() {
        let mut tempo = Tempo::new(8);
        let steps = run(&mut tempo, 5.0, |threads| 0.4 / threads as f64);
        assert_eq!(steps[8], steps.iter().sum::<usize>(), "{steps:?}");
    }

    #[test]
    fn one_thread_is_never_tried_against_another() {
        let steps = run(&mut Tempo::new(1), 5.0, |_| 1e-4);
        assert_eq!(steps[0], 0);
    }
}
