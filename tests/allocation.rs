//! Training allocates before the first step: the number of allocations in an epoch does not depend on its steps.

use std::sync::Arc;

use plangrad::Result;
use plangrad::train::{
    Event, Existing, Observer, Outcome, Resources, RunFolder, Settings, Stop, Subject, Trainer,
};
use plangrad_data::{DatasetName, LoadOptions, Normalize, load};
use plangrad_nn::checkpoint::Folder;
use plangrad_nn::{Loss, Mlp, MlpConfig};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};

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

fn subject() -> Subject {
    let dataset = load(&DatasetName::Digits, &LoadOptions::default()).unwrap();
    let config = MlpConfig::new(&dataset.sample_shape, dataset.classes.len()).hidden(&[32]).dropout(0.1);
    let network = Arc::new(Mlp::new(&config).unwrap());
    Subject::new(dataset, Normalize::Dataset, network, Loss::CrossEntropy).unwrap()
}

fn settings(subject: &Subject, max_steps: u64) -> Settings {
    let mut settings = Settings::new(subject, 8, 1);
    settings.max_steps = Some(max_steps);
    settings.seed = 1;
    settings.log_every = 1_000_000;
    settings
}

/// Allocations between the first of `steps` steps and the end of their epoch, evaluation included.
fn allocations(max_steps: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let subject = subject();
    let settings = settings(&subject, max_steps);
    let backend = Cpu::open(CpuOptions::default().threads(2)).unwrap();
    let mut trainer = Trainer::of(settings.clone(), subject, &Resources::of(&backend)).unwrap();
    let (start, out) = (trainer.start_event(), folder.path().join("run"));
    let stage = |folder: &Folder| trainer.stage_checkpoint(folder);
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
