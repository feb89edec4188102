//! Same weights in, same numbers out as PyTorch: logits, every gradient, ten losses, parameters after ten steps, for
//! Adam, AdamW and SGD with momentum; ten losses and the parameters after them with class weights, label smoothing, clipping
//! and a warm-up, and the rates of schedules. The expected values were written by `tests/golden/golden.py`.

#[path = "golden/groups.rs"]
mod groups;
#[path = "golden/layers.rs"]
mod layers;

use std::path::PathBuf;
use std::sync::Arc;

use plangrad_nn::checkpoint::{self, Loaded};
use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{
    DType, LearningRate, Optimizer, Parameter, Plan, SampleFormat, Samples, Schedule, Session, Shape, Source,
    Targets,
};

const BATCH: usize = 16;
const STEPS: usize = 10;
const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
const ADAMW: Optimizer = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
const SGD: Optimizer = Optimizer::Sgd { momentum: 0.9, weight_decay: 1e-4 };

/// A 32-bit hash (the finaliser of MurmurHash3), as in golden.py.
fn mix(i: u64) -> u32 {
    let x = i as u32;
    let x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
    let x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
    x ^ (x >> 16)
}

fn pixels(rows: usize, elements: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        let h = mix(i as u64 + 1);
        let (row, column) = (i / elements, i % elements);
        if h.is_multiple_of(3) || column / 16 % 10 == row % 10 { (h >> 8) as u8 } else { 0 }
    };
    (0..rows * elements).map(pixel).collect()
}

fn weights(parameter: usize, count: usize, inputs: usize) -> Vec<f32> {
    let offset = 1_000_003 * (parameter as u64 + 1);
    let weight =
        |i: u64| ((f64::from(mix(i + offset)) / 2f64.powi(31) - 1.0) / (inputs as f64).sqrt()) as f32;
    (0..count as u64).map(weight).collect()
}

/// A file that golden.py has written.
fn golden(name: &str) -> Loaded {
    let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let folder = std::env::var_os("PLANGRAD_GOLDEN").map_or(committed, PathBuf::from);
    checkpoint::read(&folder.join(format!("{name}.safetensors"))).unwrap()
}

fn values(golden: &Loaded, name: &str) -> Vec<f32> {
    let tensor = golden.tensors().find(|t| t.name == name).unwrap_or_else(|| panic!("no {name}"));
    golden.values(name, &tensor.shape).unwrap()
}

/// One of golden.py's cases.
struct Case {
    task: Task,
    source: Source,
    golden: Loaded,
}

impl Case {
    fn new(name: &str, elements: usize, hidden: &[usize], mean: f32, std: f32) -> Case {
        let golden = golden(name);
        let model = Mlp::new(&MlpConfig::new(&[elements], 10).hidden(hidden)).unwrap();
        let samples = SampleFormat::new(Shape::new(&[elements]).unwrap(), DType::U8)
            .normalized([1.0 / (255.0 * std)], [-mean / std]);
        let labels = (0..BATCH * STEPS).map(|i| (i % 10) as u8).collect();
        let source =
            Source::new(Samples::U8(pixels(BATCH * STEPS, elements)), Targets::Classes(labels), elements);
        let task = Task::new(Arc::new(model), samples, Loss::CrossEntropy).unwrap();
        Case { task, source: source.unwrap(), golden }
    }

    /// A session with golden.py's first weights.
    fn session(&self, plans: Vec<Plan>) -> Session {
        let options = CpuOptions::default().threads(2);
        let mut session = Session::new(&Cpu::open(options).unwrap(), plans).unwrap();
        for (number, p) in self.parameters().iter().enumerate() {
            // A layer's bias comes behind its weight, which is [outputs, inputs] in files.
            let inputs = self.parameters()[number / 2 * 2].file_shape()[1];
            session.set_parameter(p.id(), &weights(number, p.shape().elements(), inputs)).unwrap();
        }
        session
    }

    /// The small network that golden.py turns its levers on.
    fn levers() -> Case {
        Case::new("levers", 64, &[16], 0.0, 1.0)
    }

    /// Ten steps of `task`, each taken by `step`, follow those of this name; the losses are times `Σ w / n`.
    fn check_lever(&self, name: &str, session: &mut Session, step: impl Fn(&mut Session, &[u32])) {
        let weighted = ["weighted", "both", "all"].contains(&name);
        for (number, expected) in self.expected(&format!("{name}.losses")).into_iter().enumerate() {
            let rows = Case::rows(number);
            step(session, &rows);
            let weight = |row: &u32| if weighted { class_weight(*row as usize % 10) } else { 1.0 };
            let weight: f64 = rows.iter().map(weight).sum();
            let loss = session.metrics().unwrap().last_loss * BATCH as f64 / weight;
            let error = (loss / f64::from(expected) - 1.0).abs();
            assert!(error < 1e-5, "{name}, step {number}: loss {loss} instead of {expected}");
        }
        for p in self.parameters() {
            let after = format!("{name}.after.{}", p.name());
            assert_close(&after, &session.parameter(p.id()).unwrap(), &self.expected(&after));
        }
    }

    fn parameters(&self) -> &[Parameter] {
        self.task.model().weights().parameters()
    }

    fn rows(step: usize) -> Vec<u32> {
        (step * BATCH..(step + 1) * BATCH).map(|i| i as u32).collect()
    }

    fn expected(&self, name: &str) -> Vec<f32> {
        values(&self.golden, name)
    }

    fn check(&self) {
        self.check_logits();
        for (name, optimizer, learning_rate) in
            [("adam", ADAM, 1e-3), ("adamw", ADAMW, 1e-3), ("sgd", SGD, 0.05)]
        {
            self.check_optimizer(name, optimizer, learning_rate);
        }
    }

    fn check_logits(&self) {
        let state = self.task.training_state(ADAM).unwrap();
        let prediction = self.task.prediction_plan(&state, BATCH).unwrap();
        let mut session = self.session(vec![prediction.plan]);
        session.run(0, &self.source.batches(&Case::rows(0)).unwrap()).unwrap();
        let logits: Vec<f32> = session.read(0, prediction.scores).unwrap().into_iter().collect();
        assert_close("logits", &logits, &self.expected("logits"));
    }

    fn check_optimizer(&self, name: &str, optimizer: Optimizer, learning_rate: f64) {
        let schedule = Schedule::Constant { learning_rate };
        let mut session = self.session(vec![self.task.training_plan(optimizer, schedule, BATCH).unwrap()]);
        let losses = self.expected(&format!("{name}.losses"));
        assert_eq!(losses.len(), STEPS);
        for (step, expected) in losses.iter().enumerate() {
            session.run(0, &self.source.batches(&Case::rows(step)).unwrap()).unwrap();
            if step == 0 {
                for p in self.parameters() {
                    let gradient = session.gradient(p.id()).unwrap();
                    assert_close(p.name(), &gradient, &self.expected(&format!("gradient.{}", p.name())));
                }
            }
            let loss = session.metrics().unwrap().last_loss;
            let error = (loss / f64::from(*expected) - 1.0).abs();
            assert!(error < 1e-5, "{name}, step {step}: loss {loss} instead of {expected}");
        }
        for p in self.parameters() {
            let after = format!("{name}.after.{}", p.name());
            if self.golden.tensors().any(|t| t.name == after) {
                assert_close_after_steps(&after, &session.parameter(p.id()).unwrap(), &self.expected(&after));
            }
            for i in 0..2 {
                let moment = format!("{name}.moment{}.{}", i + 1, p.name());
                if self.golden.tensors().any(|t| t.name == moment) {
                    assert_close(&moment, &session.moment(i, p.id()).unwrap(), &self.expected(&moment));
                }
            }
        }
    }
}

/// The weight of a class, as in golden.py.
fn class_weight(class: usize) -> f64 {
    0.5 * (class % 4 + 1) as f64
}

/// Within 1e-5 of the largest element, but for one element in ten thousand: where a gradient is nearly zero, Adam divides
/// rounding noise by itself, and its step is of any size up to the learning rate. None may be off by a tenth of a step.
fn assert_close_after_steps(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0f32, |a, x| a.max(x.abs()));
    let errors: Vec<f32> =
        found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).collect();
    let noisy = errors.iter().filter(|&&error| error > 1e-5 * largest).count();
    assert!(noisy * 10_000 <= errors.len(), "{name}: {noisy} of {} elements differ", errors.len());
    assert!(errors.iter().all(|&error| error < 1e-4), "{name}: an element is off by a tenth of a step");
}

/// Within 1e-5 of the largest element.
fn assert_close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0f32, |a, x| a.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= 1e-5 * largest, "{name}[{i}]: {found} instead of {expected} (largest {largest})");
    }
}

/// What golden.py does under this name.
fn lever(task: Task, name: &str) -> Task {
    let weights: Vec<f64> = (0..10).map(class_weight).collect();
    let task = match name {
        "weighted" | "both" | "all" => task.with_class_weights(&weights).unwrap(),
        _ => task,
    };
    let task = match name {
        "smoothed" | "both" | "all" => task.with_label_smoothing(0.1).unwrap(),
        _ => task,
    };
    match name {
        "clipped" => task.with_clip_norm(0.3).unwrap(),
        "all" => task.with_clip_norm(0.35).unwrap(),
        _ => task,
    }
}

fn learning(name: &str) -> (Optimizer, LearningRate) {
    let cosine = Schedule::Cosine { learning_rate: 1e-3, minimum: 0.0, steps: STEPS as u64 - 3 };
    match name {
        "all" => (ADAMW, cosine.after_warmup(3)),
        _ => (SGD, Schedule::Constant { learning_rate: 0.05 }.into()),
    }
}

const LEVERS: [&str; 5] = ["smoothed", "weighted", "both", "clipped", "all"];

#[test]
fn class_weights_smoothing_clipping_and_warm_up_follow_pytorch() {
    let case = Case::levers();
    for name in LEVERS {
        let (task, (optimizer, rate)) = (lever(case.task.clone(), name), learning(name));
        let mut session = case.session(vec![task.training_plan(optimizer, rate, BATCH).unwrap()]);
        case.check_lever(name, &mut session, |session, rows| {
            session.run(0, &case.source.batches(rows).unwrap()).unwrap();
        });
    }
}

#[test]
fn they_follow_pytorch_in_parts_of_a_batch_too() {
    let case = Case::levers();
    for name in LEVERS {
        let (task, (optimizer, rate)) = (lever(case.task.clone(), name), learning(name));
        let mut plans = Vec::new();
        let parts = task.split_step(optimizer, rate, BATCH, 5).unwrap().add_to(&mut plans);
        let mut session = case.session(plans);
        case.check_lever(name, &mut session, |session, rows| {
            parts.step(session, &case.source, rows).unwrap();
        });
    }
}

#[test]
fn rates_follow_pytorch_step_by_step() {
    let case = Case::levers();
    let check = |name: &str, rate: LearningRate| {
        let expected = case.expected(name);
        assert!(!expected.is_empty());
        for (step, expected) in expected.into_iter().enumerate() {
            let found = rate.at(step as u64 + 1);
            assert!(
                (found / f64::from(expected) - 1.0).abs() < 1e-6,
                "{name}, step {step}: {found}, {expected}"
            );
        }
    };
    for steps in [2, 10, 97] {
        check(&format!("one_cycle.{steps}"), Schedule::one_cycle(0.1, steps).into());
    }
    let cosine = Schedule::Cosine { learning_rate: 0.1, minimum: 0.01, steps: 20 };
    check("cosine_after_warmup", cosine.after_warmup(5));
    check("step_after_warmup", Schedule::Step { learning_rate: 0.1, factor: 0.5, every: 4 }.after_warmup(5));
}

#[test]
fn mnist_shapes_follow_pytorch() {
    Case::new("mnist", 784, &[128], 0.1307, 0.3081).check();
}

#[test]
fn cifar_shapes_follow_pytorch() {
    Case::new("cifar", 3072, &[32], 0.5, 0.5).check();
}

#[test]
fn two_hidden_layers_follow_pytorch_up_to_the_last_parameter() {
    let case = Case::new("two_hidden", 784, &[64, 32], 0.1307, 0.3081);
    for name in ["adam", "adamw", "sgd"] {
        assert!(case.golden.tensors().any(|t| t.name == format!("{name}.after.layer3.bias")), "{name}");
    }
    case.check();
}
