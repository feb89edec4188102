//! Trains the network on the built-in digits in a run folder, or continues the run that is there, and evaluates the model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plangrad::train::{Event, Existing, Observer, Resources, RunFolder, Settings, Stop, Subject, Trainer};
use plangrad::{Model, Result, fit};
use plangrad_data::{DatasetName, LoadOptions, load};
use plangrad_nn::checkpoint::{self, Folder};
use plangrad_nn::{Architectures, Loss};
use plangrad_outside::{Residual, ResidualConfig};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};

fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args_os().nth(1).unwrap_or("runs/residual".into()));
    let (mut trainer, mut folder) = if path.exists() { resume(&path)? } else { begin(&path)? };
    trainer.run(&mut folder, &mut Print, &Stop::default())?;
    evaluate(&path)
}

fn subject() -> Result<Subject> {
    let options = LoadOptions::default();
    let dataset = load(&DatasetName::Digits, &options)?;
    let (sample_shape, outputs) = (dataset.sample_shape.clone(), dataset.classes.len());
    let network = Residual::new(ResidualConfig { sample_shape, width: 64, outputs })?;
    Subject::new(dataset, options.normalize, Arc::new(network), Loss::CrossEntropy)
}

fn begin(path: &Path) -> Result<(Trainer, RunFolder)> {
    let mut subject = subject()?;
    let mut settings = Settings::new(&subject, 100, 3);

    // 64 MiB for everything: which batches fit?
    let backend = Cpu::open(CpuOptions::default().budget(Some(64 << 20)))?;
    let options = fit::FitOptions::new(settings.optimizer);
    let largest = fit::fit(&mut subject, &backend, &options, &mut |_| Ok(()), &Stop::default())?;
    println!("batches of up to {} samples fit", largest.max_batch_size);
    settings.batch_size = settings.batch_size.min(largest.max_batch_size);

    let trainer = Trainer::of(settings, subject, &Resources::of(&backend))?;
    let stage = |folder: &Folder| trainer.stage_checkpoint(folder);
    let start = trainer.start_event();
    let folder = RunFolder::create(Some(path), Existing::Keep, trainer.settings(), &start, stage)?;
    Ok((trainer, folder))
}

fn known() -> Architectures {
    Architectures::new().with(Residual::ARCHITECTURE, Residual::new)
}

fn resume(path: &Path) -> Result<(Trainer, RunFolder)> {
    let (mut folder, settings) = RunFolder::open(path)?;
    let dataset = load(&settings.dataset_name()?, &settings.options()?)?;
    let subject = settings.subject_with(dataset, &known())?;
    let backend = Cpu::open(CpuOptions::default().budget(Some(64 << 20)))?;
    let mut trainer = Trainer::of(settings, subject, &Resources::of(&backend))?;
    let progress = trainer.resume(&checkpoint::read(&folder.checkpoint())?)?;
    folder.cut_back(&progress, trainer.settings().batch_size, trainer.is_finished())?;
    Ok((trainer, folder))
}

fn evaluate(path: &Path) -> Result<()> {
    let model = Model::open_with(path, &known())?;
    let test = plangrad::train::source(load(&DatasetName::Digits, &LoadOptions::default())?.test, 10)?;
    let found = model.evaluate(&test, None, &Cpu::open(CpuOptions::default())?, &Stop::default())?;
    println!("loss {:.4}, {} of {} correct", found.loss, found.correct.unwrap_or(0), found.samples);
    Ok(())
}

struct Print;

impl Observer for Print {
    fn event(&mut self, event: &Event) -> Result<()> {
        if let Event::Epoch { epoch, train_loss, test_accuracy, planned_bytes, measured_bytes, .. } = event {
            let accuracy = test_accuracy.unwrap_or(0.0);
            println!("epoch {epoch}: loss {train_loss:.4}, accuracy {accuracy:.4}");
            assert_eq!(planned_bytes, measured_bytes);
        }
        Ok(())
    }
}
