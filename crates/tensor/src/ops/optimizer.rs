//! Parameter updates: SGD with momentum, Adam, AdamW, and the learning-rate schedules.
//!
//! With g the gradient, p the parameter, η the learning rate of step t (counted from 1):
//!
//! | | |
//! | --- | --- |
//! | SGD | g ← g + λp; b ← μb + g; p ← p − ηb (b = g without momentum) |
//! | Adam | g ← g + λp; m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; p ← p − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε) |
//! | AdamW | p ← p − ηλp, then Adam with λ = 0 |
//!
//! These are PyTorch's formulas and defaults. Adam: Kingma & Ba, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980);
//! AdamW: Loshchilov & Hutter, [arXiv:1711.05101](https://arxiv.org/abs/1711.05101).
//!
//! What changes from step to step (t, η, the bias corrections) stands in the session's step block and is advanced by its
//! own kernel, so that a recorded sequence of steps can be replayed.

use ndarray::ArrayD;

use super::leaf::Variable;
use super::rules;
use super::store::{Keep, Store};
use crate::error::Error;
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Advance, Proceed, Update};
use crate::ir::{DType, Meta, Optimizer, Parameter, ParameterId, Schedule, Shape, Slot, power};

/// Begins a step: advances the step number and sets what depends on it.
#[derive(Debug)]
struct AdvanceStep {
    optimizer: Optimizer,
    schedule: Schedule,
}

impl ShapeRule for AdvanceStep {
    fn name(&self) -> &'static str {
        "advance"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(Shape::new(&[0])?))
    }
}

impl Gradient for AdvanceStep {}

impl Meaning for AdvanceStep {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        _: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        machine.step += 1;
        machine.first_row = 0;
        machine.learning_rate = self.schedule.at(machine.step);
        one(ArrayD::zeros(ndarray::IxDyn(&[0])))
    }
}

impl Lower for AdvanceStep {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (schedule, optimizer) = (self.schedule, self.optimizer);
        Lowered::kernel(Advance { step_block: call.step_block, schedule, optimizer })
    }

    fn has_effect(&self) -> bool {
        true
    }
}

/// Ends a part of a batch.
#[derive(Debug)]
struct ProceedRows {
    rows: usize,
}

impl ShapeRule for ProceedRows {
    fn name(&self) -> &'static str {
        "proceed"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(Shape::new(&[0])?))
    }
}

impl Gradient for ProceedRows {}

impl Meaning for ProceedRows {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        _: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        machine.first_row += self.rows as u64;
        one(ArrayD::zeros(ndarray::IxDyn(&[0])))
    }
}

impl Lower for ProceedRows {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        Lowered::kernel(Proceed { step_block: call.step_block, rows: self.rows })
    }

    fn has_effect(&self) -> bool {
        true
    }
}

/// Input: the stored gradient. Changes the parameter and its moments in place.
#[derive(Debug)]
struct UpdateParameter {
    optimizer: Optimizer,
    parameter: ParameterId,
}

impl ShapeRule for UpdateParameter {
    fn name(&self) -> &'static str {
        "update"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        one(inputs[0])
    }
}

impl Gradient for UpdateParameter {}

impl Meaning for UpdateParameter {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let mut p = machine.slot(Slot::Parameter(self.parameter), outputs[0])?;
        let (lr, t) = (machine.learning_rate, machine.step);
        let moment = |i| machine.slot(Slot::Moment(i, self.parameter), outputs[0]);
        let moments = match self.optimizer {
            Optimizer::Sgd { momentum, weight_decay } => {
                let g = inputs[0] + &p * weight_decay;
                let kept = momentum != 0.0;
                let b = if kept { moment(0)? * momentum + g } else { g };
                p = &p - &b * lr;
                if kept { vec![b] } else { vec![] }
            }
            Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                let g = inputs[0] + &p * weight_decay;
                adam(&mut p, &g, moment(0)?, moment(1)?, lr, t, [beta1, beta2, epsilon])
            }
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                p *= 1.0 - lr * weight_decay;
                adam(&mut p, inputs[0], moment(0)?, moment(1)?, lr, t, [beta1, beta2, epsilon])
            }
        };
        machine.store(Slot::Parameter(self.parameter), p.clone());
        for (i, moment) in moments.into_iter().enumerate() {
            machine.store(Slot::Moment(i, self.parameter), moment);
        }
        one(p)
    }
}

impl Lower for UpdateParameter {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        Lowered::kernel(Update {
            optimizer: self.optimizer,
            parameter: call.output().value,
            gradient: call.inputs[0].value,
            moments: std::array::from_fn(|i| call.moments.get(i).copied()),
            step_block: call.step_block,
            elements: call.output().shape().elements(),
        })
    }

    fn writes(&self) -> Option<Slot> {
        Some(Slot::Parameter(self.parameter))
    }
}

/// Adam's formula in f64; returns the new moments.
fn adam(
    p: &mut ArrayD<f64>,
    g: &ArrayD<f64>,
    m: ArrayD<f64>,
    v: ArrayD<f64>,
    lr: f64,
    t: u64,
    [b1, b2, epsilon]: [f64; 3],
) -> Vec<ArrayD<f64>> {
    let m = m * b1 + g * (1.0 - b1);
    let v = v * b2 + g * g * (1.0 - b2);
    let correction = (1.0 - power(b2, t)).sqrt();
    let denominator = v.mapv(|v| v.sqrt() / correction + epsilon);
    *p = &*p - &m / denominator * (lr / (1.0 - power(b1, t)));
    vec![m, v]
}

impl Graph {
    /// Begins an optimizer step; record it before anything else of the step.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for numbers that they cannot work with; if the graph cannot hold another node.
    pub fn advance(&self, optimizer: Optimizer, schedule: Schedule) -> Result<(), Error> {
        optimizer.check()?;
        schedule.check()?;
        self.record(AdvanceStep { optimizer, schedule }, &[]).map(|_| ())
    }

    /// Moves `parameter` along `gradient` in place, after everything that reads the old value: whatever the order of
    /// recording, a step reads its parameters as they were when it began.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn update<'g>(
        &'g self,
        optimizer: Optimizer,
        parameter: &Parameter,
        gradient: Tensor<'g>,
    ) -> Result<(), Error> {
        let gradient = self.keep_gradient(parameter, gradient, Keep::Replace)?;
        gradient.unary(UpdateParameter { optimizer, parameter: parameter.id }).map(|_| ())
    }

    /// Keeps `gradient` for `parameter`, in place of what was kept, or added to it: how a batch that comes in parts sums
    /// its gradient before [`Graph::update_kept`].
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn store_gradient<'g>(
        &'g self,
        parameter: &Parameter,
        gradient: Tensor<'g>,
        keep: Keep,
    ) -> Result<(), Error> {
        self.keep_gradient(parameter, gradient, keep).map(|_| ())
    }

    /// Moves `parameter` along the gradient kept for it.
    ///
    /// # Errors
    /// Only if the graph cannot hold another node.
    pub fn update_kept(&self, optimizer: Optimizer, parameter: &Parameter) -> Result<(), Error> {
        is_trained(parameter)?;
        let gradient = self.record(Variable::gradient(parameter), &[])?;
        gradient.unary(UpdateParameter { optimizer, parameter: parameter.id }).map(|_| ())
    }

    /// Ends a part of a batch: the next part's rows follow these, which is what dropout counts them by.
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] for 2³² rows or more; if the graph cannot hold another node.
    pub fn proceed(&self, rows: usize) -> Result<(), Error> {
        u32::try_from(rows).map_err(|_| Error::PlanTooLarge)?;
        self.record(ProceedRows { rows }, &[]).map(|_| ())
    }

    fn keep_gradient<'g>(
        &'g self,
        parameter: &Parameter,
        gradient: Tensor<'g>,
        keep: Keep,
    ) -> Result<Tensor<'g>, Error> {
        is_trained(parameter)?;
        if gradient.shape() != parameter.shape {
            let found = [parameter.shape, gradient.shape()];
            return Err(Error::shapes("update", "a gradient of the parameter's shape", &found));
        }
        self.record(Store { slot: Slot::Gradient(parameter.id), keep }, &[gradient])
    }
}

/// Refuses a statistic.
fn is_trained(parameter: &Parameter) -> Result<(), Error> {
    match parameter.is_trained() {
        true => Ok(()),
        false => {
            let reason = "it is a statistic; give it its value with Graph::assign";
            Err(Error::Role { op: "update", parameter: parameter.id, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Optimizer, Schedule, power};
    use crate::testing::backends;
    use crate::testing::net::{ADAM, SGD};
    use crate::{FileOrder, Graph, Parameter, Parameters, Plan, Role, Session, Shape, State};

    fn one_parameter(shape: Shape) -> (Parameters, Parameter) {
        let mut list = Parameters::new();
        let parameter = list.add("p", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        (list, parameter)
    }

    /// The first element of a vector of `n` after each of three steps with gradient 0.5, from 2.0 on, on every backend.
    fn three_steps(optimizer: Optimizer, schedule: Schedule, n: usize) -> Vec<[f32; 3]> {
        let shape = Shape::new(&[n]).unwrap();
        let (list, parameter) = one_parameter(shape);
        let graph = Graph::new();
        graph.advance(optimizer, schedule).unwrap();
        graph.update(optimizer, &parameter, graph.full(0.5, shape).unwrap()).unwrap();
        let state = State::training(&list, optimizer).unwrap();
        let plan = Plan::new(&graph, &state, &[]).unwrap();
        let run = |(name, backend)| {
            let mut session = Session::new(&backend, vec![plan.clone()]).unwrap();
            session.set_parameter(parameter.id(), &vec![2.0; n]).unwrap();
            [(); 3].map(|()| {
                session.run_once(0).unwrap();
                let p = session.parameter(parameter.id()).unwrap();
                assert!(p.iter().all(|x| *x == p[0]), "{name}: {p:?}");
                p[0]
            })
        };
        backends().into_iter().map(run).collect()
    }

    fn assert_three_steps(optimizer: Optimizer, schedule: Schedule, expected: [f32; 3]) {
        for n in [1, 7, 16, 33, 5000] {
            for found in three_steps(optimizer, schedule, n) {
                let close = |(x, y): (&f32, &f32)| (x - y).abs() <= 2e-7 * y.abs();
                assert!(found.iter().zip(&expected).all(close), "{found:?} instead of {expected:?}");
            }
        }
    }

    const TENTH: Schedule = Schedule::Constant { learning_rate: 0.1 };

    #[test]
    fn sgd_by_hand() {
        assert_three_steps(SGD, TENTH, [1.95, 1.9, 1.85]);
        // g = 0.5 + 0.1 p: 0.7, then 0.693, then 0.68607.
        let decay = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.1 };
        assert_three_steps(decay, TENTH, [1.93, 1.8607, 1.792_093]);
        // b = 0.5, 0.95, 1.355.
        let momentum = Optimizer::Sgd { momentum: 0.9, weight_decay: 0.0 };
        assert_three_steps(momentum, TENTH, [1.95, 1.855, 1.7195]);
    }

    /// With a constant gradient both corrected moments are exact, so each step is η · g / (|g| + ε).
    #[test]
    fn adam_by_hand() {
        assert_three_steps(ADAM, TENTH, [1.9, 1.8, 1.7]);
        // The decay of 0.1 is taken off before the step: 2 · 0.99 − 0.1 and so on.
        let decoupled = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1 };
        assert_three_steps(decoupled, TENTH, [1.88, 1.7612, 1.643_588]);
        // A large ε halves the step.
        let damped = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 0.5, weight_decay: 0.0 };
        assert_three_steps(damped, TENTH, [1.95, 1.9, 1.85]);
    }

    #[test]
    fn each_step_has_the_learning_rate_of_its_schedule() {
        let halving = Schedule::Step { learning_rate: 0.4, factor: 0.5, every: 1 };
        assert_three_steps(SGD, halving, [1.8, 1.7, 1.65]);
        let cosine = Schedule::Cosine { learning_rate: 0.4, minimum: 0.0, steps: 2 };
        assert_three_steps(SGD, cosine, [1.8, 1.7, 1.7]);
        assert_three_steps(ADAM, halving, [1.6, 1.4, 1.3]);
    }

    #[test]
    fn a_run_goes_on_from_the_step_that_was_set() {
        let halving = Schedule::Step { learning_rate: 0.4, factor: 0.5, every: 1 };
        let shape = Shape::new(&[1]).unwrap();
        let (list, parameter) = one_parameter(shape);
        let graph = Graph::new();
        graph.advance(SGD, halving).unwrap();
        graph.update(SGD, &parameter, graph.full(1.0, shape).unwrap()).unwrap();
        let state = State::training(&list, SGD).unwrap();
        let plan = Plan::new(&graph, &state, &[]).unwrap();
        let mut session = Session::new(&crate::testing::net::cpu(1), vec![plan]).unwrap();
        session.set_step(2, 0).unwrap();
        session.run_once(0).unwrap();
        assert_eq!((session.parameter(parameter.id()).unwrap()[0], session.step().unwrap()), (-0.1, 3));
    }

    #[test]
    fn powers_are_exact_to_rounding() {
        assert_eq!(power(0.5, 10), 0.000_976_562_5);
        assert_eq!(power(0.9, 0), 1.0);
        assert!((power(0.999, 1000) / 0.999_f64.powf(1000.0) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn schedules_by_hand() {
        let cosine = Schedule::Cosine { learning_rate: 1.0, minimum: 0.0, steps: 100 };
        assert_eq!((cosine.at(1), cosine.at(101), cosine.at(500)), (1.0, 0.0, 0.0));
        assert!((cosine.at(51) - 0.5).abs() < 1e-15);
        let step = Schedule::Step { learning_rate: 0.1, factor: 0.5, every: 10 };
        assert_eq!((step.at(1), step.at(10), step.at(11), step.at(21)), (0.1, 0.1, 0.05, 0.025));
    }
}
