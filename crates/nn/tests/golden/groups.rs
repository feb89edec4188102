//! Parameters in groups with rates and weight decay of their own, clipped together, and their running averages: PyTorch's
//! parameter groups and `torch.optim.swa_utils`.

use std::sync::Arc;

use plangrad_nn::{
    Activation, Architecture, Block, Decayed, Error, Linear, Loss, Mode, Module, Task, Weights,
};
use plangrad_tensor::{DType, Graph, Optimizer, SampleFormat, Schedule, Session, Shape, Tensor};

use super::{BATCH, Case, STEPS, assert_close, golden};

/// Two layers, the first of which learns ten times more slowly.
#[derive(Debug)]
struct Slow {
    weights: Weights,
    first: Linear,
    last: Linear,
}

impl Slow {
    fn new() -> Slow {
        let mut weights = Weights::new();
        let first = weights.scaled(0.1, |weights| Linear::new(weights, "layer1", 64, 16)).unwrap();
        let last = Linear::new(&mut weights, "layer2", 16, 10).unwrap();
        Slow { weights, first, last }
    }
}

impl Module for Slow {
    fn architecture(&self) -> Result<Architecture, Error> {
        Architecture::new("slow", &())
    }

    fn sample_shape(&self) -> &[usize] {
        &[64]
    }

    fn outputs(&self) -> usize {
        10
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let hidden = Activation::Relu.record(graph, self.first.record(graph, x, mode)?, mode)?;
        self.last.record(graph, hidden, mode)
    }
}

fn case() -> Case {
    let samples = SampleFormat::new(Shape::new(&[64]).unwrap(), DType::U8).normalized([1.0 / 255.0], [0.0]);
    let task = Task::new(Arc::new(Slow::new()), samples, Loss::CrossEntropy).unwrap();
    let task = task.with_decay_of(Decayed::Matrices).with_clip_norm(0.5).unwrap();
    Case { task: task.with_average(0.75).unwrap(), golden: golden("groups"), ..Case::levers() }
}

fn optimizers() -> [(&'static str, Optimizer, f64); 3] {
    [
        ("sgd", Optimizer::Sgd { momentum: 0.9, weight_decay: 0.1 }, 0.05),
        ("adam", Optimizer::adam().with_weight_decay(0.1), 1e-3),
        ("adamw", Optimizer::adamw().with_weight_decay(0.1), 1e-3),
    ]
}

/// Ten steps follow PyTorch's, and so does what the average predicts in the end, by plan number `predicting`.
fn check(
    case: &Case,
    name: &str,
    session: &mut Session,
    step: impl Fn(&mut Session, &[u32]),
    (predicting, scores): (usize, plangrad_tensor::TensorId),
) {
    let losses = case.expected(&format!("{name}.losses"));
    assert_eq!(losses.len(), STEPS);
    for (number, expected) in losses.into_iter().enumerate() {
        step(session, &Case::rows(number));
        let loss = session.metrics().unwrap().last_loss;
        assert!((loss / f64::from(expected) - 1.0).abs() < 1e-5, "{name}, step {number}: {loss}, {expected}");
    }
    for p in case.parameters() {
        let (after, average) = (format!("{name}.after.{}", p.name()), format!("{name}.average.{}", p.name()));
        assert_close(&after, &session.parameter(p.id()).unwrap(), &case.expected(&after));
        assert_close(&average, &session.average(p.id()).unwrap(), &case.expected(&average));
    }
    session.run(predicting, &case.source.batches(&Case::rows(0)).unwrap()).unwrap();
    let logits: Vec<f32> = session.read(predicting, scores).unwrap().into_iter().collect();
    assert_close("logits", &logits, &case.expected(&format!("{name}.logits")));
}

#[test]
fn groups_clipping_and_averages_follow_pytorch() {
    let case = case();
    for (name, optimizer, learning_rate) in optimizers() {
        let plan = case.task.training_plan(optimizer, Schedule::Constant { learning_rate }, BATCH).unwrap();
        let prediction = case.task.prediction_plan(plan.state(), BATCH).unwrap();
        let mut session = case.session(vec![plan, prediction.plan]);
        let step = |session: &mut Session, rows: &[u32]| {
            session.run(0, &case.source.batches(rows).unwrap()).unwrap();
        };
        check(&case, name, &mut session, step, (1, prediction.scores));
    }
}

#[test]
fn they_follow_pytorch_in_parts_of_a_batch_too() {
    let case = case();
    for (name, optimizer, learning_rate) in optimizers() {
        let prediction =
            case.task.prediction_plan(&case.task.training_state(optimizer).unwrap(), BATCH).unwrap();
        let mut plans = vec![prediction.plan];
        let parts = case.task.split_step(optimizer, Schedule::Constant { learning_rate }, BATCH, 5).unwrap();
        let parts = parts.add_to(&mut plans);
        let mut session = case.session(plans);
        let step = |session: &mut Session, rows: &[u32]| parts.step(session, &case.source, rows).unwrap();
        check(&case, name, &mut session, step, (0, prediction.scores));
    }
}
