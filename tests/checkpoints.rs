//! Wherever a run ends, it can be resumed from its checkpoint: tested in process, event by event.

mod support;

use std::path::PathBuf;

use plangrad::train::{Event, Existing, Observer, Resources, RunFolder, Settings, Stop, Trainer};
use plangrad_data::load;
use plangrad_nn::checkpoint::{self, Folder};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions, InstructionSet};
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
        let stage = |folder: &Folder| begun.stage_checkpoint(folder);
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
    let stage = |folder: &Folder| trainer.stage_checkpoint(folder);
    let mut run = RunFolder::create(Some(&out), Existing::Keep, &settings, &start, stage).unwrap();
    let mut watchful = Watchful { checkpoint: run.checkpoint(), steps: Vec::new() };
    trainer.run(&mut run, &mut watchful, &Stop::default()).unwrap();
    assert_eq!(watchful.steps, [7, 14]);
}

/// Does something at the first step.
struct Saboteur<F: FnMut()>(Option<F>);

impl<F: FnMut()> Observer for Saboteur<F> {
    fn event(&mut self, event: &Event) -> plangrad::Result<()> {
        if let (Event::Step { .. }, Some(mut act)) = (event, self.0.take_if(|_| true)) {
            act();
        }
        Ok(())
    }
}

/// What is done to a run's folder, its path, and the place it leads to.
#[cfg(unix)]
type Sabotage = fn(&std::path::Path, &std::path::Path);

#[cfg(unix)]
#[test]
fn a_run_whose_folder_or_log_is_taken_away_ends_with_a_sentence_and_writes_nowhere_else() {
    use std::fs;
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    run(root.path(), "train --dataset digits --hidden 8 --max-steps 30 --out other").succeeded();
    let settings = Settings::read(&root.path().join("other/config.toml")).unwrap();
    let dataset = load(&settings.dataset_name().unwrap(), &settings.options().unwrap()).unwrap();
    let backend = Cpu::open(CpuOptions::default()).unwrap();
    let attacks: [Sabotage; 7] = [
        |_, real| fs::remove_dir_all(real).unwrap(),
        |_, real| {
            fs::remove_dir_all(real).unwrap();
            fs::create_dir(real).unwrap();
        },
        |_, real| fs::remove_file(real.join("metrics.jsonl")).unwrap(),
        |_, real| fs::write(real.join("metrics.jsonl"), "").unwrap(),
        |_, real| fs::remove_file(real.join("config.toml")).unwrap(),
        |_, real| {
            fs::write(real.join("moved"), "")
                .and_then(|()| fs::rename(real, real.with_extension("moved")))
                .unwrap()
        },
        |link, real| {
            fs::remove_file(link).unwrap();
            symlink(real.with_file_name("other"), link).unwrap();
        },
    ];
    let contents = |folder: &std::path::Path| -> Vec<(PathBuf, Vec<u8>)> {
        let paths = support::files(folder).into_iter();
        paths.map(|path| (path.clone(), fs::read(path).unwrap_or_default())).collect()
    };
    let before = contents(&root.path().join("other"));
    for (i, attack) in attacks.into_iter().enumerate() {
        let (real, link) = (root.path().join(format!("real{i}")), root.path().join(format!("link{i}")));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        let mut trainer = Trainer::new(settings.clone(), dataset.clone(), &Resources::of(&backend)).unwrap();
        let stage = |folder: &Folder| trainer.stage_checkpoint(folder);
        let start = trainer.start_event();
        let mut folder = RunFolder::create(Some(&link), Existing::Keep, &settings, &start, stage).unwrap();
        let ended = trainer.run(&mut folder, &mut Saboteur(Some(|| attack(&link, &real))), &Stop::default());
        assert!(matches!(ended, Err(plangrad::Error::RunGone { .. })), "attack {i}: {ended:?}");
        assert_eq!(contents(&root.path().join("other")), before, "attack {i}");
        if i == 1 {
            assert_eq!(fs::read_dir(&real).unwrap().count(), 0, "nothing is written into another folder");
        }
    }
}

#[test]
fn a_run_is_not_continued_with_another_instruction_set_unless_it_has_the_one_it_began_with() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), "train --dataset digits --hidden 8 --max-steps 30 --out any").succeeded();
    let settings = Settings::read(&root.path().join("any/config.toml")).unwrap();
    let dataset = load(&settings.dataset_name().unwrap(), &settings.options().unwrap()).unwrap();
    let trainer = |set: InstructionSet| {
        let backend = Cpu::open(CpuOptions::default().instruction_set(set)).unwrap();
        Trainer::new(settings.clone(), dataset.clone(), &Resources::of(&backend)).unwrap()
    };
    let begun = trainer(InstructionSet::Portable);
    let out = root.path().join("portable");
    let stage = |folder: &Folder| begun.stage_checkpoint(folder);
    let folder =
        RunFolder::create(Some(&out), Existing::Keep, &settings, &begun.start_event(), stage).unwrap();
    let checkpoint = folder.read_checkpoint().unwrap();
    for &set in InstructionSet::available().iter().filter(|&&set| set != InstructionSet::Portable) {
        let refused = trainer(set).resume(&checkpoint).unwrap_err().to_string();
        assert!(refused.contains("with the instruction set portable, and not with"), "{refused}");
    }
    drop((folder, begun));
    // The program takes the one it began with.
    run(root.path(), "train --resume portable").succeeded();
    let mut whole = trainer(InstructionSet::Portable);
    let stage = |folder: &Folder| whole.stage_checkpoint(folder);
    let out = root.path().join("whole");
    let mut folder =
        RunFolder::create(Some(&out), Existing::Keep, &settings, &whole.start_event(), stage).unwrap();
    whole.run(&mut folder, &mut Impatient(usize::MAX), &Stop::default()).unwrap();
    let model = |run: &str| std::fs::read(root.path().join(run).join("model.safetensors")).unwrap();
    assert!(model("portable") == model("whole"));
}
