//! Training allocates before the first step: the number of allocations in an epoch does not depend on its steps.

use std::path::PathBuf;

use plangrad::Result;
use plangrad::device::Precision;
use plangrad::train::{Event, Existing, Observer, Outcome, Resources, RunFolder, Settings, Stop, Trainer};
use plangrad_data::{DatasetName, Options, load};
use plangrad_nn::{Activation, Loss};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Optimizer, Schedule};

#[path = "support/counting.rs"]
mod counting;

/// Records the number of allocations at the first step event and at the epoch event.
#[derive(Default)]
struct Watch {
    after_first_step: Option<usize>,
    after_epoch: Option<usize>,
}

impl Observer for Watch {
    fn event(&mut self, event: &Event) -> Result<()> {
        let now = || Some(counting::allocations());
        match event {
            Event::Step { .. } if self.after_first_step.is_none() => self.after_first_step = now(),
            Event::Epoch { .. } => self.after_epoch = now(),
            _ => {}
        }
        Ok(())
    }
}

fn settings(max_steps: u64) -> Settings {
    Settings {
        precision: Precision::F32,
        dataset: "digits".into(),
        data_dir: PathBuf::new(),
        normalize: "dataset".into(),
        label: None,
        test_fraction: 0.0,
        loss: Loss::CrossEntropy,
        hidden: vec![32],
        activation: Activation::Relu,
        dropout: 0.1,
        batch_size: 8,
        epochs: 1,
        max_steps: Some(max_steps),
        seed: 1,
        shuffle: true,
        init: None,
        eval_batch_size: None,
        log_every: 1_000_000,
        checkpoint_every: None,
        optimizer: Optimizer::adam(),
        schedule: Schedule::Constant { learning_rate: 1e-3 },
        architecture: None,
    }
}

/// Allocations between the first of `steps` steps and the end of their epoch, evaluation included.
fn allocations(max_steps: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(max_steps);
    let dataset = load(&DatasetName::Digits, &Options::default()).unwrap();
    let backend = Cpu::open(CpuOptions::default().threads(2)).unwrap();
    let mut trainer = Trainer::new(settings.clone(), dataset, &Resources::of(&backend)).unwrap();
    let (start, out) = (trainer.start_event(), folder.path().join("run"));
    let stage = |path: &std::path::Path| trainer.stage_checkpoint(path);
    let mut run = RunFolder::create(Some(&out), Existing::Keep, &settings, &start, stage).unwrap();
    let mut watch = Watch::default();
    let outcome = trainer.run(&mut run, &mut watch, &Stop::default()).unwrap();
    assert_eq!(outcome, Outcome::Complete);
    watch.after_epoch.unwrap() - watch.after_first_step.unwrap()
}

#[test]
fn the_number_of_allocations_in_an_epoch_does_not_depend_on_its_steps() {
    allocations(20); // whatever is made once in a process
    let (few, many) = (allocations(20), allocations(2020));
    // A few for each look at the clock, which comes every fifth of a second, and for the epoch's lines; none for a step.
    assert!(few < 100, "{few} allocations around 20 steps");
    assert!(many < few + 50, "{many} allocations around 2020 steps, {few} around 20");
}
