//! Fitting, and a run with the size found, use no more memory than the budget and 288 KiB of heap. Arenas are mapped, and
//! counted by the device's ledger; a counting allocator measures the heap. One test, because the counter is global to the
//! process.

use std::sync::Arc;
use std::time::Duration;

use plangrad::device::BudgetOrigin;
use plangrad::fit::{FitOptions, Method, StoppedBy, fit};
use plangrad::train::{
    Event, Existing, Observer, Outcome, Resources, RunFolder, Settings, Stop, Subject, Trainer,
};
use plangrad_data::{DatasetName, Normalize, load};
use plangrad_nn::checkpoint::Folder;
use plangrad_nn::{Loss, Mlp, MlpConfig};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Backend, Optimizer};

#[path = "support/counting.rs"]
mod counting;

/// Allowed beyond the budget: plans, and the order of samples, which is host data.
const BESIDE: i64 = 288 << 10;

fn digits(hidden: Vec<usize>) -> Subject {
    let dataset = load(&DatasetName::Digits, &plangrad_data::LoadOptions::default()).unwrap();
    let network = Mlp::new(&MlpConfig::new(&dataset.sample_shape, 10).hidden(&hidden)).unwrap();
    Subject::new(dataset, Normalize::Dataset, Arc::new(network), Loss::CrossEntropy).unwrap()
}

fn options_of(method: Method, synthetic: bool) -> FitOptions {
    let mut options = FitOptions::new(Optimizer::adam());
    (options.method, options.synthetic, options.safety) = (method, synthetic, 0.8);
    (options.time_limit, options.measures_speed) = (Duration::from_secs(600), true);
    options.budget = BudgetOrigin::Named;
    options
}

/// Ignores all events.
struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Event) -> plangrad::Result<()> {
        Ok(())
    }
}

/// A run of two epochs with checkpoints, including opening its session.
fn train(subject: Subject, batch_size: usize, backend: &Backend) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(&subject, batch_size, 2);
    settings.seed = 1;
    settings.log_every = 10;
    settings.checkpoint_every = Some(7);
    let mut trainer = Trainer::of(settings.clone(), subject, &Resources::of(backend)).unwrap();
    let (start, out) = (trainer.start_event(), folder.path().join("run"));
    let stage = |folder: &Folder| trainer.stage_checkpoint(folder);
    let mut run = RunFolder::create(Some(&out), Existing::Keep, &settings, &start, stage).unwrap();
    assert_eq!(trainer.run(&mut run, &mut Silent, &Stop::default()).unwrap(), Outcome::Complete);
}

#[test]
fn the_heap_grows_by_no_more_than_288_kib_beside_the_budget() {
    let cases = [
        (1_700_000, vec![128], Method::Solve, false, false),
        (1_700_000, vec![128], Method::Double, false, false),
        (4 << 20, vec![128], Method::Double, false, false),
        (9_876_543, vec![64, 32, 16], Method::Solve, false, false),
        (24 << 20, vec![128], Method::Double, true, false),
        (80 << 20, vec![16], Method::Solve, false, true),
        (110 << 20, vec![16], Method::Double, true, true),
        (200 << 20, vec![128], Method::Solve, false, false),
    ];
    for (budget, hidden, method, accelerator, synthetic) in cases {
        let what = format!("{budget} bytes, {hidden:?}, {method:?}, {accelerator}, {synthetic}");
        let mut subject = digits(hidden.clone());
        let options = CpuOptions::default().threads(2).budget(budget).accelerator(accelerator);
        let backend = Cpu::open(options).unwrap();
        let options = options_of(method, synthetic);
        let before = counting::held();
        let (grown, found) = counting::growth(|| {
            fit(&mut subject, &backend, &options, &mut |_| Ok(()), &Stop::default()).unwrap()
        });
        eprintln!("{grown} bytes of heap beside {} mapped, {what}", found.total_bytes);
        assert!(grown <= BESIDE, "{grown} bytes of heap with {what}");
        assert!(
            (found.total_bytes..=budget).contains(&backend.memory().peak),
            "{:?}, {what}",
            backend.memory()
        );
        assert_eq!(found.measured_bytes, found.total_bytes);
        let by = if budget == 200 << 20 { StoppedBy::DatasetSize } else { StoppedBy::Budget };
        assert_eq!(found.stopped_by, by, "{what}");
        assert!(synthetic == (found.max_batch_size > 20_000), "{what}: {}", found.max_batch_size);
        let batch_size = found.max_batch_size;
        drop(found);
        let kept = counting::held() - before;
        assert!(kept < 64 << 10, "{kept} bytes are kept after {what}");
        if !synthetic {
            let (grown, ()) = counting::growth(|| train(subject, batch_size, &backend));
            eprintln!("{grown} bytes of heap in a run with batches of {batch_size}, {what}");
            assert!(grown <= BESIDE, "{grown} bytes of heap in a run with {what}");
        }
    }
    check_narrow(16 << 20, Method::Solve, false);
    check_narrow(20 << 20, Method::Double, false);
    check_narrow(20 << 20, Method::Solve, true);
}

/// One output learnt from one input, with far fewer rows than a batch has.
fn narrow() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doubled.csv");
    let rows: String = (0..50).map(|i| format!("{i},{}\n", 2 * i)).collect();
    std::fs::write(&file, format!("a,doubled\n{rows}")).unwrap();
    let task = plangrad_data::TargetKind::Regression;
    let options = plangrad_data::LoadOptions { task, ..plangrad_data::LoadOptions::default() };
    let dataset = load(&DatasetName::Csv(file), &options).unwrap();
    let network = Mlp::new(&MlpConfig::new(&dataset.sample_shape, 1)).unwrap();
    Subject::new(dataset, Normalize::None, Arc::new(network), Loss::Mse).unwrap()
}

/// The order of the samples takes as much memory as they do.
fn check_narrow(budget: u64, method: Method, accelerator: bool) {
    let (mut subject, what) = (narrow(), format!("{budget} bytes, {method:?}, {accelerator}"));
    let options = CpuOptions::default().threads(2).budget(budget).accelerator(accelerator);
    let backend: Backend = Cpu::open(options).unwrap();
    let (grown, found) = counting::growth(|| {
        fit(&mut subject, &backend, &options_of(method, true), &mut |_| Ok(()), &Stop::default()).unwrap()
    });
    eprintln!("{grown} bytes of heap beside {} mapped, {what}", found.total_bytes);
    assert!(grown <= BESIDE, "{grown} bytes of heap with {what}");
    assert_eq!((found.measured_bytes, found.stopped_by), (found.total_bytes, StoppedBy::Budget), "{what}");
    assert!(found.max_batch_size > 100_000, "{what}: {}", found.max_batch_size);
}
