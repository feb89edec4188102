//! Where sizes are tried: real reservations on a real device, and steps in them.

use std::time::{Duration, Instant};

use plangrad_tensor::{Backend, Error as TensorError, Schedule, SystemMemory};

use super::rows::TrialRows;
use super::search::{FIRST, Probe};
use super::trial::{FitOptions, StoppedBy, Trial, TrialOutcome};
use crate::device::BudgetOrigin;
use crate::error::{Error, Result};
use crate::train::plans::largest_that_fits;
use crate::train::{Engine, MemoryLayout, Offers, Placement, Refused, StepConfig, Stop, Subject};

/// How much larger the next batch is that is timed only to know how long still larger ones take.
const STRIDE: usize = 8;

/// A subject on a device. The device holds nothing of it afterwards.
pub(super) struct Bench<'a> {
    pub(super) subject: &'a mut Subject,
    backend: &'a Backend,
    options: &'a FitOptions,
    /// Where the device finds the samples.
    pub(super) placement: Placement,
    /// Whether the search should end.
    pub(super) stop: &'a Stop,
    started: Instant,
    /// The largest size that took a step, and the time of its trial.
    timed: Option<(usize, Duration)>,
    report: &'a mut dyn FnMut(&Trial) -> Result<()>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        subject: &'a mut Subject,
        backend: &'a Backend,
        options: &'a FitOptions,
        report: &'a mut dyn FnMut(&Trial) -> Result<()>,
        stop: &'a Stop,
    ) -> Bench<'a> {
        subject.data.evict();
        let MemoryLayout { placement, .. } = MemoryLayout::new(backend.device(), 1);
        Bench { subject, backend, options, placement, stop, started: Instant::now(), timed: None, report }
    }

    /// The error if not even a batch of 1 fits.
    pub(super) fn nothing_fits(&self) -> Error {
        let (step, layout) = (self.step(1), self.layout(1));
        let Subject { task, data, .. } = &*self.subject;
        let (backend, samples, free) = (self.backend, data.samples(), SystemMemory::now().free);
        Refused { step: &step, task, samples, backend, layout, accumulate: 1, free }.error(Offers::default())
    }

    /// Memory for training on batches of this size, as `train` reserves it, and the rows of so many steps.
    pub(super) fn reserve(&mut self, batch_size: usize, steps: usize) -> Result<(Engine, TrialRows)> {
        let (step, layout) = (self.step(batch_size), self.layout(batch_size));
        let Subject { task, data, .. } = &mut *self.subject;
        // The engine first: then large batches that are refused leave no trace in the allocator.
        let engine = Engine::reserve(&step, task, data, self.backend, layout)?;
        Ok((engine, TrialRows::reserve(self.backend, self.subject.data.train.len(), batch_size, steps)?))
    }

    fn step(&self, batch_size: usize) -> StepConfig {
        StepConfig {
            optimizer: self.options.optimizer,
            learning_rate: Schedule::Constant { learning_rate: 0.0 }.into(),
            batch_size,
            eval_batch_size: self.options.eval_batch_size,
            repeats: self.options.synthetic,
            memory: self.options.memory.at_the_limit(),
        }
    }

    fn layout(&self, batch_size: usize) -> MemoryLayout {
        MemoryLayout { placement: self.placement, ..MemoryLayout::new(self.backend.device(), batch_size) }
    }

    /// Bytes that training on batches of this size is planned to take.
    fn planned(&self, batch_size: usize) -> Result<u64> {
        let Subject { task, data, .. } = &*self.subject;
        let report = self.layout(batch_size).planned(&self.step(batch_size), task, data.samples())?;
        Ok(report.total() + TrialRows::counted_bytes(self.backend, data.train.len(), batch_size))
    }

    pub(super) fn time_left(&self) -> Duration {
        self.options.time_limit.saturating_sub(self.started.elapsed())
    }

    /// One step and one evaluation batch.
    fn prove(&mut self, batch_size: usize) -> Result<TrialOutcome> {
        self.stop.check()?;
        let started = Instant::now();
        let (mut engine, rows) = self.reserve(batch_size, 1)?;
        let data = &self.subject.data;
        engine.stretch(data, rows.get(), 1, 0.0)?;
        self.stop.check()?;
        let eval_batch_size = engine.test_one_batch(data)?;
        engine.session.wait()?;
        let measured_bytes = engine.measured_bytes();
        if self.timed.is_none_or(|(size, _)| size <= batch_size) {
            self.timed = Some((batch_size, started.elapsed()));
        }
        Ok(TrialOutcome::Proven { measured_bytes, eval_batch_size })
    }

    /// The outcome of a trial, after which the device holds nothing.
    fn outcome(&mut self, batch_size: usize, total_bytes: u64) -> Result<TrialOutcome> {
        let outcome = self.prove(batch_size);
        self.subject.data.evict();
        match outcome {
            Err(Error::Tensor(TensorError::OutOfMemory { free, .. })) => Ok(self.refusal(total_bytes, free)),
            outcome => outcome,
        }
    }

    /// Which limit caused a refusal: the budget's, if it is too small and was named, else the device's.
    fn refusal(&self, total_bytes: u64, free: u64) -> TrialOutcome {
        let short = self.backend.memory().free().filter(|&room| room < total_bytes);
        let by = match short {
            Some(_) if self.options.budget == BudgetOrigin::Named => StoppedBy::Budget,
            _ => StoppedBy::DeviceMemory,
        };
        TrialOutcome::Refused { free_bytes: short.unwrap_or(free), by }
    }

    /// The largest batch whose trial takes at most half of the time left, going by the largest one timed. A sample of a
    /// larger batch takes about as long, and often less.
    fn affordable(&self) -> usize {
        self.timed.map_or(0, |(size, time)| {
            let times = self.time_left().as_secs_f64() / 2.0 / time.as_secs_f64().max(1e-9);
            (times * size as f64) as usize
        })
    }
}

impl Probe for Bench<'_> {
    fn attempt(&mut self, batch_size: usize) -> Result<Trial> {
        let total_bytes = self.planned(batch_size)?;
        let trial = Trial { batch_size, total_bytes, outcome: self.outcome(batch_size, total_bytes)? };
        (self.report)(&trial)?;
        Ok(trial)
    }

    /// What cannot be planned does not fit.
    fn largest_planned(&self, limit: usize) -> usize {
        let room = self.backend.memory().free();
        let fits = |size| self.planned(size).is_ok_and(|bytes| room.is_none_or(|room| bytes <= room));
        largest_that_fits(limit, fits).unwrap_or(0)
    }

    /// Times small batches first, while that is what makes larger ones seem too slow.
    fn in_time(&mut self, size: usize) -> Result<usize> {
        while self.affordable() < size {
            let next = self.timed.map_or(FIRST, |(timed, _)| timed.saturating_mul(STRIDE));
            if next >= size || self.timed.is_some() && STRIDE * next > self.affordable() {
                return Ok(if self.timed.is_none() { size } else { self.affordable() });
            }
            if let TrialOutcome::Refused { .. } = self.outcome(next, 0)? {
                return Ok(size); // memory decides, not time
            }
        }
        Ok(size)
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        self.subject.data.evict();
    }
}

#[cfg(test)]
mod tests {
    use plangrad_data::{Dataset, DatasetName, Normalize, Samples, Subset, Targets};
    use std::sync::Arc;

    use plangrad_nn::{Activation, Loss, Mlp, MlpConfig};
    use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
    use plangrad_tensor::{Device, Optimizer};
    use proptest::prelude::*;

    use super::super::find::fit;
    use super::super::search::{Limit, search};
    use super::super::trial::{Fit, Method};
    use super::*;
    use crate::train::StepMemory;

    const INPUTS: usize = 20;

    fn part(len: usize) -> Subset {
        let pixels = (0..len * INPUTS).map(|i| (i * i % 251) as u8).collect();
        let labels = (0..len).map(|i| (i % 3) as u16).collect();
        Subset::new(Samples::U8(pixels), Targets::Classes(labels), INPUTS).unwrap()
    }

    fn subject(train: usize, test: usize, hidden: Vec<usize>) -> Subject {
        let dataset = Dataset {
            name: DatasetName::Digits,
            sample_shape: vec![1, 4, 5],
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            train: part(train),
            validation: part(0),
            test: part(test),
            notes: Vec::new(),
            table: None,
            pixels: None,
            table_rows: None,
        };
        let config = MlpConfig::new(&[1, 4, 5], 3).hidden(&hidden).activation(Activation::Gelu).dropout(0.1);
        let network = Arc::new(Mlp::new(&config).unwrap());
        Subject::new(dataset, Normalize::None, network, Loss::CrossEntropy).unwrap()
    }

    fn options(method: Method) -> FitOptions {
        FitOptions {
            optimizer: Optimizer::adam(),
            eval_batch_size: None,
            memory: StepMemory::default(),
            method,
            safety: 0.8,
            max_batch: None,
            synthetic: false,
            time_limit: Duration::from_secs(600),
            measures_speed: true,
            budget: BudgetOrigin::Named,
        }
    }

    fn open(accelerator: bool, budget: u64) -> Backend {
        let options = CpuOptions::default().threads(1).budget(budget).accelerator(accelerator);
        Cpu::open(options).unwrap()
    }

    /// The result of a search, without speeds.
    fn find(subject: &mut Subject, backend: &Backend, options: &FitOptions) -> Option<Fit> {
        let limit = Limit::of(subject.samples().train, options);
        let mut quietly = |_: &Trial| Ok(());
        search(
            options.method,
            limit,
            &mut Bench::new(subject, backend, options, &mut quietly, &Stop::default()),
        )
        .unwrap()
    }

    /// Bytes that training on batches of one size takes.
    fn planned(subject: &mut Subject, device: &Backend, options: &FitOptions, size: usize) -> u64 {
        Bench::new(subject, device, options, &mut |_| Ok(()), &Stop::default()).planned(size).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        #[test]
        fn both_methods_agree_for_any_network_and_the_device_refuses_the_next_size(
            hidden in prop::collection::vec(1usize..60, 0..3),
            (train, test) in (1usize..300, 0usize..50),
            eval_batch_size in prop::option::of(1usize..60),
            momentum in prop::sample::select(vec![0.0, 0.9]),
            (accelerator, synthetic) in any::<(bool, bool)>(),
            (size, short) in (1usize..700, 0u64..2),
        ) {
            let optimizer = Optimizer::Sgd { momentum, weight_decay: 0.0 };
            let solve = FitOptions { optimizer, eval_batch_size, synthetic, ..options(Method::Solve) };
            let double = FitOptions { method: Method::Double, ..solve.clone() };
            let mut subject = subject(train, test, hidden);
            let limit = if synthetic { usize::MAX } else { train };
            // On the edge: all of what some size needs, or one byte less.
            let budget = planned(&mut subject, &open(accelerator, 0), &solve, size.min(limit)) - short;
            let device = open(accelerator, budget);

            let solved = find(&mut subject, &device, &solve);
            let doubled = find(&mut subject, &device, &double);
            prop_assert_eq!(device.memory().reserved, 0, "nothing stays");
            let Some(solved) = solved else {
                prop_assert!(doubled.is_none() && planned(&mut subject, &device, &solve, 1) > budget);
                return Ok(());
            };
            let doubled = doubled.unwrap();
            let comparable = |found: &Fit| Fit { trials: Vec::new(), ..found.clone() };
            prop_assert_eq!(comparable(&solved), comparable(&doubled));
            prop_assert_eq!(solved.measured_bytes, solved.total_bytes);
            prop_assert_eq!(solved.eval_batch_size.is_some(), test > 0);
            prop_assert_eq!(eval_batch_size.map(|size| size.min(test)).filter(|&size| size > 0),
                solved.eval_batch_size.filter(|_| eval_batch_size.is_some()));

            let (found, stop) = (solved.max_batch_size, Stop::default());
            let mut bench = Bench::new(&mut subject, &device, &solve, &mut |_| Ok(()), &stop).planned(found);
            prop_assert!(bench.as_mut().is_ok_and(|bytes| *bytes <= budget));
            match solved.stopped_by {
                StoppedBy::DatasetSize => prop_assert!(!synthetic && found == train),
                by => {
                    prop_assert_eq!(by, StoppedBy::Budget);
                    prop_assert!(solved.next_total_bytes.unwrap() > budget);
                    let mut quietly = |_: &Trial| Ok(());
                    let mut bench = Bench::new(&mut subject, &device, &solve, &mut quietly, &stop);
                    prop_assert!(bench.reserve(found, 1).is_ok());
                    let next = bench.reserve(found + 1, 1);
                    let is_refused = matches!(next, Err(Error::Tensor(TensorError::OutOfMemory { .. })));
                    prop_assert!(is_refused);
                }
            }
        }
    }

    fn whole(subject: &mut Subject, backend: &Backend, options: &FitOptions) -> Result<Fit> {
        fit(subject, backend, options, &mut |_| Ok(()), &Stop::default())
    }

    #[test]
    fn if_nothing_fits_the_error_is_that_of_training_and_nothing_was_reported() {
        let mut subject = subject(40, 10, vec![8]);
        for method in [Method::Solve, Method::Double] {
            let mut told = 0;
            let mut report = |_: &Trial| {
                told += 1;
                Ok(())
            };
            let error = fit(&mut subject, &open(false, 900), &options(method), &mut report, &Stop::default())
                .unwrap_err();
            let Error::OutOfMemory { device, free, total, remedy, .. } = error else { panic!("{error}") };
            assert_eq!((device, free, total, told), (Device::Cpu, 900, 900, 0));
            assert!(remedy.starts_with("not even a batch of 1 fits"), "{remedy}");
        }
    }

    #[test]
    fn a_budget_that_was_not_named_is_what_the_device_has() {
        let mut subject = subject(300, 10, vec![32]);
        let unnamed = FitOptions { budget: BudgetOrigin::Machine, ..options(Method::Double) };
        let found = whole(&mut subject, &open(false, 40_000), &unnamed).unwrap();
        assert_eq!(found.stopped_by, StoppedBy::DeviceMemory);
        let fastest = found.throughput.iter().map(|pace| pace.samples_per_second).fold(0.0, f64::max);
        assert!(found.throughput.len() >= 2 && fastest > 0.0 && found.knee().is_some(), "{found:?}");
        let last = found.throughput.last().map(|pace| pace.batch_size);
        assert_eq!(last, Some(found.max_batch_size));
    }

    #[test]
    fn without_time_the_smallest_size_is_proven_and_no_speed_is_measured() {
        let mut subject = subject(300, 10, vec![32]);
        for method in [Method::Solve, Method::Double] {
            let hurried = FitOptions { time_limit: Duration::ZERO, ..options(method) };
            let found = whole(&mut subject, &open(false, 40_000), &hurried).unwrap();
            assert_eq!((found.knee(), found.throughput.len()), (None, 0));
            assert_eq!((found.stopped_by, found.max_batch_size), (StoppedBy::Time, 16));
            assert_eq!(found.measured_bytes, found.total_bytes);
        }
    }

    #[test]
    fn without_measuring_speed_the_proof_stands() {
        let mut subject = subject(300, 10, vec![32]);
        let blind = FitOptions { measures_speed: false, ..options(Method::Solve) };
        let found = whole(&mut subject, &open(false, 40_000), &blind).unwrap();
        assert_eq!((found.knee(), found.throughput.len()), (None, 0));
        assert_eq!((found.stopped_by, found.measured_bytes), (StoppedBy::Budget, found.total_bytes));
    }

    #[test]
    fn a_search_that_is_asked_to_stop_stops() {
        let (mut subject, device) = (subject(300, 10, vec![32]), open(false, 40_000));
        let (options, stop) = (options(Method::Double), Stop::default());
        let mut told = Vec::new();
        let mut report = |trial: &Trial| {
            told.push(trial.batch_size);
            if told.len() == 2 {
                stop.ask();
            }
            Ok(())
        };
        let stopped = fit(&mut subject, &device, &options, &mut report, &stop);
        assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
        assert_eq!((told, device.memory().reserved), (vec![16, 32], 0));
    }

    #[test]
    fn an_observer_that_fails_ends_it_and_the_device_is_free_again() {
        let mut subject = subject(100, 10, vec![8]);
        let device = open(true, 1 << 20);
        let mut report = |_: &Trial| Err(Error::Output(std::io::Error::other("closed")));
        assert!(matches!(
            fit(&mut subject, &device, &options(Method::Solve), &mut report, &Stop::default()),
            Err(Error::Output(_))
        ));
        assert_eq!(device.memory().reserved, 0);
    }
}
