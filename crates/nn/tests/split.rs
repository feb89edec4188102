//! A step in parts is the step on the whole batch: the parts' gradients are summed as one chain, so even the bits are the
//! same, whatever the parts, the optimizer, the activation and the dropout rate. This holds on the CPU and on a GPU, here
//! an emulated one.

use std::sync::Arc;

use plangrad_nn::{Activation, Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::Backend;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::backend::cuda::emulator::Emulator;
use plangrad_tensor::{
    DType, Metrics, Optimizer, SampleFormat, Samples, Schedule, Session, Shape, Source, Targets, random,
};
use proptest::prelude::*;

const ROWS: usize = 30;
const INPUTS: usize = 40;
const SCHEDULE: Schedule = Schedule::Constant { learning_rate: 0.01 };

fn task(hidden: &[usize], activation: Activation, dropout: f32, loss: Loss) -> Task {
    let outputs = if loss == Loss::Mse { 1 } else { 7 };
    let config = MlpConfig::new(&[INPUTS], outputs).hidden(hidden).activation(activation).dropout(dropout);
    let samples = SampleFormat::new(Shape::new(&[INPUTS]).unwrap(), DType::U8).normalized([0.01], [-0.7]);
    Task::new(Arc::new(Mlp::new(&config).unwrap()), samples, loss).unwrap()
}

fn source(loss: Loss) -> Source {
    let pixels = (0..ROWS * INPUTS).map(|i| random::philox([i as u32, 0, 0, 0], [5, 6])[0] as u8).collect();
    let targets = match loss {
        Loss::CrossEntropy => Targets::Classes((0..ROWS).map(|i| (i * 3 % 7) as u8).collect()),
        _ => Targets::Values { values: (0..ROWS).map(|i| i as f32 * 0.1).collect(), width: 1 },
    };
    Source::new(Samples::U8(pixels), targets, INPUTS).unwrap()
}

/// Bits of all parameters and moments after three steps on the same batch, and the sums of the losses.
fn bits(
    task: &Task,
    optimizer: Optimizer,
    mut session: Session,
    step: impl Fn(&mut Session),
) -> (Vec<u32>, Metrics) {
    task.initialise(&mut session, 11).unwrap();
    session.set_step(0, 9).unwrap();
    (0..3).for_each(|_| step(&mut session));
    let mut values = Vec::new();
    for p in task.model().weights().parameters() {
        values.extend(session.parameter(p.id()).unwrap());
        (0..optimizer.moments()).for_each(|i| values.extend(session.moment(i, p.id()).unwrap()));
    }
    (values.into_iter().map(f32::to_bits).collect(), session.metrics().unwrap())
}

fn whole_and_split(
    backend: &Backend,
    task: &Task,
    optimizer: Optimizer,
    rows: usize,
    part: usize,
) -> [(Vec<u32>, Metrics); 2] {
    let source = source(task.loss());
    let order: Vec<u32> = (0..rows as u32).rev().collect();
    let plan = task.training_plan(optimizer, SCHEDULE, rows).unwrap();
    let whole = Session::streaming(backend, vec![plan]).unwrap();
    let whole =
        bits(task, optimizer, whole, |session| session.run(0, &source.batches(&order).unwrap()).unwrap());

    let mut plans = Vec::new();
    let parts = task.split_step(optimizer, SCHEDULE, rows, part).unwrap().add_to(&mut plans);
    assert_eq!(parts.batch_size(), rows);
    let split = bits(task, optimizer, Session::streaming(backend, plans).unwrap(), |session| {
        parts.step(session, &source, &order).unwrap();
    });
    [whole, split]
}

fn cpu() -> Backend {
    Cpu::open(CpuOptions::default().threads(2)).unwrap()
}

fn gpu() -> Option<Backend> {
    let skipped = |why| {
        assert!(std::env::var_os("PLANGRAD_CI").is_none(), "{why}");
        eprintln!("SKIPPED: {why}");
    };
    let emulator = Emulator::new(0).map_err(skipped).ok()?;
    Some(emulator.backend(None))
}

const OPTIMIZERS: [Optimizer; 4] = [
    Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 },
    Optimizer::Sgd { momentum: 0.9, weight_decay: 1e-3 },
    Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 },
    Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn parts_give_the_bits_of_the_whole(
        hidden in prop::collection::vec(1usize..70, 0..3),
        activation in prop::sample::select(Activation::ALL.to_vec()),
        dropout in prop::sample::select(vec![0.0f32, 0.3]),
        optimizer in prop::sample::select(OPTIMIZERS.to_vec()),
        loss in prop::sample::select(vec![Loss::CrossEntropy, Loss::Mse]),
        rows in 1usize..=ROWS,
        part in 1usize..=ROWS,
    ) {
        let task = task(&hidden, activation, dropout, loss);
        for backend in [Some(cpu()), gpu()].into_iter().flatten() {
            let [whole, split] = whole_and_split(&backend, &task, optimizer, rows, part);
            prop_assert_eq!(whole, split);
        }
    }
}

#[test]
fn parts_are_clipped_and_smoothed_to_the_bits_of_the_whole_and_weighted_to_rounding() {
    let plain = || task(&[20], Activation::Relu, 0.3, Loss::CrossEntropy);
    let clipped = plain().with_clip_norm(0.1).unwrap().with_label_smoothing(0.2).unwrap();
    let weighted = clipped.clone().with_class_weights(&[0.3, 0.0, 1.0, 2.7, 1.0, 5.0, 0.01]).unwrap();
    assert!(!clipped.parts_differ() && weighted.parts_differ());
    for backend in [Some(cpu()), gpu()].into_iter().flatten() {
        for optimizer in OPTIMIZERS {
            let [whole, split] = whole_and_split(&backend, &clipped, optimizer, 30, 7);
            assert_eq!(whole, split);
            let [whole, split] = whole_and_split(&backend, &weighted, optimizer, 30, 7);
            let numbers = |bits: Vec<u32>| bits.into_iter().map(f32::from_bits).collect::<Vec<f32>>();
            let (found, expected) = (numbers(split.0), numbers(whole.0));
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(found.iter().zip(&expected).all(close), "{optimizer:?}");
            assert_eq!(whole.1, split.1);
        }
    }
}

#[test]
fn a_batch_without_weight_moves_nothing() {
    let task = task(&[], Activation::Relu, 0.0, Loss::CrossEntropy);
    let task =
        task.with_class_weights(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).unwrap().with_clip_norm(1.0).unwrap();
    let [whole, split] = whole_and_split(&cpu(), &task, OPTIMIZERS[0], 2, 1); // labels 3 and 0
    let plain = whole_and_split(&cpu(), &task.with_clip_norm(2.0).unwrap(), OPTIMIZERS[0], 1, 1);
    assert_eq!((&whole.0, &whole.0), (&split.0, &plain[0].0), "the first weights");
    assert!(whole.0.iter().all(|&bits| f32::from_bits(bits).is_finite()));
}

#[test]
fn levers_that_cannot_be_are_refused() {
    let task = |loss| task(&[], Activation::Relu, 0.0, loss);
    let classes = || task(Loss::CrossEntropy);
    let refused = |found: Result<Task, plangrad_nn::Error>| found.unwrap_err().to_string();
    let weights = |weights: &[f64]| refused(classes().with_class_weights(weights));
    assert_eq!(weights(&[1.0; 3]), "expected 7 class weights, one for each class, found 3");
    assert_eq!(weights(&[0.0; 7]), "all class weights are 0; at least one must be above 0");
    let negative = weights(&[1.0, 1.0, -2.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(negative, "the weight of class 2 is -2, expected a finite number of at least 0");
    assert!(weights(&[f64::NAN, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]).contains("class 0 is NaN"));
    let mse = || task(Loss::Mse);
    assert!(refused(mse().with_class_weights(&[1.0])).contains("class weights can be had with"));
    assert!(refused(mse().with_label_smoothing(0.1)).contains("label smoothing can be had with"));
    assert!(mse().with_label_smoothing(0.0).is_ok());
    assert!(
        refused(classes().with_label_smoothing(1.0)).contains("label_smoothing is 1, expected at least 0")
    );
    assert!(
        refused(classes().with_clip_norm(0.0)).contains("clip_norm is 0, expected a finite number above 0")
    );
}

#[test]
fn a_batch_of_seven_in_parts_of_three_runs_three_parts() {
    let task = task(&[8], Activation::Relu, 0.0, Loss::CrossEntropy);
    let step = task.split_step(OPTIMIZERS[2], SCHEDULE, 7, 3).unwrap();
    assert_eq!((step.next_count, step.first.batch_size()), (1, 3));
    assert_eq!(step.last.unwrap().batch_size(), 1);
    let gradients = step.first.report().get(plangrad_tensor::Category::Gradients);
    assert_eq!(gradients, 4 * task.model().weights().trained_elements() as u64);
}

#[test]
fn rows_that_are_not_the_batch_are_refused() {
    let task = task(&[8], Activation::Relu, 0.0, Loss::CrossEntropy);
    let (mut plans, source) = (Vec::new(), source(task.loss()));
    let parts = task.split_step(OPTIMIZERS[0], SCHEDULE, 7, 3).unwrap().add_to(&mut plans);
    let backend = Cpu::open(CpuOptions::default()).unwrap();
    let mut session = Session::new(&backend, plans).unwrap();
    for rows in [&[0, 1, 2][..], &[0, 1, 2, 3, 4, 5, 6, 7]] {
        let refused = parts.step(&mut session, &source, rows).unwrap_err();
        let sentence = format!("{} rows are not a multiple of the batch size 7", rows.len());
        assert!(refused.to_string().contains(&sentence), "{refused}");
    }
    let missing = parts.step(&mut session, &source, &[0, 1, 2, 3, 4, 5, 99]).unwrap_err();
    assert!(missing.to_string().contains("row 99 is outside the dataset of 30 samples"), "{missing}");
    assert_eq!((session.step().unwrap(), session.metrics().unwrap().samples), (0, 0));
}
