//! Wherever a run ends, it can be resumed from its checkpoint: tested in process, event by event.

mod support;

use std::path::{Path, PathBuf};

use plangrad::train::{Event, Existing, Observer, Resources, RunFolder, Settings, Stop, Trainer};
use plangrad_data::load;
use plangrad_nn::checkpoint;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use support::{run, undisturbed};

/// Accepts some events and fails at the next, like full standard output.
struct Impatient(usize);

impl Observer for Impatient {
    fn event(&mut self, _: &Event) -> plangrad::Result<()> {
        if self.0 == 0 {
            return Err(plangrad::Error::Output(std::io::ErrorKind::StorageFull.into()));
        }
        self.0 -= 1;
        Ok(())
    }
}

#[test]
fn a_run_resumes_from_any_event_that_could_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        "train --dataset digits --hidden 8 --batch-size 1500 --log-every 4 --epochs 3 --max-steps 40";
    let expected = undisturbed(folder.path(), arguments);
    let settings = Settings::read(&folder.path().join("undisturbed/config.toml")).unwrap();
    let dataset = load(&settings.dataset_name().unwrap(), &settings.options().unwrap()).unwrap();
    let backend = Cpu::open(CpuOptions::default()).unwrap();
    let trainer = || Trainer::new(settings.clone(), dataset.clone(), &Resources::of(&backend)).unwrap();
    for patience in 0..expected.metrics.len() - 1 {
        let mut begun = trainer();
        let out = folder.path().join(format!("out{patience}"));
        let stage = |path: &Path| begun.stage_checkpoint(path);
        let mut run =
            RunFolder::create(Some(&out), Existing::Keep, &settings, &begun.start_event(), stage).unwrap();
        let failed = begun.run(&mut run, &mut Impatient(patience), &Stop::default());
        assert!(matches!(failed, Err(plangrad::Error::Output(_))), "{failed:?} after {patience} events");
        drop((run, begun)); // the lock, and memory on the backend that both share
        let mut resumed = trainer();
        let (mut run, _) = RunFolder::open(&out).unwrap();
        let progress = resumed.resume(&checkpoint::read(&run.checkpoint()).unwrap()).unwrap();
        run.cut_back(&progress, settings.batch_size, resumed.is_finished()).unwrap();
        resumed.run(&mut run, &mut Impatient(usize::MAX), &Stop::default()).unwrap();
        expected.assert_same(&out);
    }
}

/// Records at each epoch event the progress of the checkpoint on disk, which a kill at that moment would leave.
struct Watchful {
    checkpoint: PathBuf,
    steps: Vec<u64>,
}

impl Observer for Watchful {
    fn event(&mut self, event: &Event) -> plangrad::Result<()> {
        if matches!(event, Event::Epoch { .. }) {
            let description = checkpoint::read(&self.checkpoint).unwrap().description().cloned();
            self.steps.push(description.unwrap().progress.unwrap().step);
        }
        Ok(())
    }
}

#[test]
fn no_checkpoint_stands_between_the_last_step_of_an_epoch_and_its_test() {
    let folder = tempfile::tempdir().unwrap();
    // 14 steps an epoch; the seventh after each checkpoint is once the epoch's last and once the run's.
    let arguments =
        "train --dataset digits --hidden 8 --batch-size 1500 --checkpoint-every 7 --max-steps 21 --out first";
    run(folder.path(), arguments).succeeded();
    let settings = Settings::read(&folder.path().join("first/config.toml")).unwrap();
    let dataset = load(&settings.dataset_name().unwrap(), &settings.options().unwrap()).unwrap();
    let mut trainer =
        Trainer::new(settings.clone(), dataset, &Resources::of(&Cpu::open(CpuOptions::default()).unwrap()))
            .unwrap();
    let (start, out) = (trainer.start_event(), folder.path().join("second"));
    let stage = |path: &Path| trainer.stage_checkpoint(path);
    let mut run = RunFolder::create(Some(&out), Existing::Keep, &settings, &start, stage).unwrap();
    let mut watchful = Watchful { checkpoint: run.checkpoint(), steps: Vec::new() };
    trainer.run(&mut run, &mut watchful, &Stop::default()).unwrap();
    assert_eq!(watchful.steps, [7, 14]);
}
