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
//! An update may divide the gradient by one number: by the norm that [`Graph::clip_divisor`] finds too large, or by the sum
//! of the weights of a batch. The gradient that is kept stays as it was.
//!
//! What changes from step to step (t, η, the bias corrections) stands in the session's step block and is advanced by its
//! own kernel, so that a recorded sequence of steps can be replayed.

use ndarray::ArrayD;

use super::leaf::Variable;
use super::rules;
use super::store::{Keep, Store};
use crate::error::Error;
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Advance, Proceed, Target, Update};
use crate::ir::{
    DType, Hyperparameter, LearningRate, Meta, Optimizer, Parameter, ParameterId, Shape, Slot, power,
};

/// Begins a step: advances the step number and sets what depends on it.
#[derive(Debug)]
struct AdvanceStep {
    optimizer: Optimizer,
    learning_rate: LearningRate,
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
        machine.learning_rate = self.learning_rate.at(machine.step);
        one(ArrayD::zeros(ndarray::IxDyn(&[0])))
    }
}

impl Lower for AdvanceStep {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let AdvanceStep { optimizer, learning_rate } = *self;
        Lowered::kernel(Advance { step_block: call.step_block, learning_rate, optimizer })
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

/// Inputs: the stored gradient, and if it is to be divided, a number. Changes the parameter and its moments in place.
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
        inputs.iter().try_for_each(|input| rules::expect(input, DType::F32, self.name()))?;
        match inputs.get(1) {
            Some(divisor) if divisor.shape.elements() != 1 => {
                let found = [inputs[0].shape, divisor.shape];
                Err(Error::shapes(self.name(), "a gradient and one number to divide it by", &found))
            }
            _ => one(inputs[0]),
        }
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
        let divisor = inputs.get(1).map_or(1.0, |divisor| divisor.sum());
        let gradient = &(inputs[0] / divisor);
        let moment = |i| machine.slot(Slot::Moment(i, self.parameter), outputs[0]);
        let moments = match self.optimizer {
            Optimizer::Sgd { momentum, weight_decay } => {
                let g = gradient + &p * weight_decay;
                let kept = momentum != 0.0;
                let b = if kept { moment(0)? * momentum + g } else { g };
                p = &p - &b * lr;
                if kept { vec![b] } else { vec![] }
            }
            Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                let g = gradient + &p * weight_decay;
                adam(&mut p, &g, moment(0)?, moment(1)?, lr, t, [beta1, beta2, epsilon])
            }
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                p *= 1.0 - lr * weight_decay;
                adam(&mut p, gradient, moment(0)?, moment(1)?, lr, t, [beta1, beta2, epsilon])
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
        let target = Target {
            optimizer: self.optimizer,
            parameter: call.output().value,
            divisor: call.inputs.get(1).map(|divisor| divisor.value),
            moments: std::array::from_fn(|i| call.moments.get(i).copied()),
            step_block: call.step_block,
        };
        let elements = call.output().shape().elements();
        Lowered::kernel(Update { target, gradient: call.inputs[0].value, elements })
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
    pub fn advance(&self, optimizer: Optimizer, learning_rate: impl Into<LearningRate>) -> Result<(), Error> {
        let learning_rate = learning_rate.into();
        optimizer.check()?;
        learning_rate.schedule.check()?;
        self.record(AdvanceStep { optimizer, learning_rate }, &[]).map(|_| ())
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
        let gradient = self.store_gradient(parameter, gradient, Keep::Replace)?;
        self.update_divided(optimizer, parameter, gradient, None)
    }

    /// The same along a gradient that is kept already ([`Graph::store_gradient`], [`Graph::kept_gradient`]), divided by
    /// `divisor`, one number, if there is one.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn update_divided<'g>(
        &'g self,
        optimizer: Optimizer,
        parameter: &Parameter,
        gradient: Tensor<'g>,
        divisor: Option<Tensor<'g>>,
    ) -> Result<(), Error> {
        check_gradient(parameter, gradient)?;
        let inputs: Vec<Tensor<'g>> = [Some(gradient), divisor].into_iter().flatten().collect();
        self.record(UpdateParameter { optimizer, parameter: parameter.id }, &inputs).map(|_| ())
    }

    /// By what all `gradients` are to be divided so that their norm together is at most `max_norm`, a scalar:
    ///
    /// divisor = max(1, (‖g‖ + 1e-6) / `max_norm`), where ‖g‖ = √Σ g² over all elements of all gradients, each of them divided
    /// by `divisor` first, if there is one, which the result then includes.
    ///
    /// That is PyTorch's `clip_grad_norm_`, whose coefficient is 1 / divisor (Pascanu et al.,
    /// [arXiv:1211.5063](https://arxiv.org/abs/1211.5063)).
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for a norm that is not above 0 and finite; if there are no gradients.
    pub fn clip_divisor<'g>(
        &'g self,
        gradients: &[Tensor<'g>],
        max_norm: f64,
        divisor: Option<Tensor<'g>>,
    ) -> Result<Tensor<'g>, Error> {
        let max_norm = Hyperparameter::positive("clip_norm", max_norm)?;
        let squares = gradients.iter().map(|gradient| gradient.square_sum()).collect::<Result<_, _>>()?;
        let norm = sum_of(squares)?.sqrt()?;
        let norm = divisor.map_or(Ok(norm), |divisor| norm.div(divisor.reshape(&[])?))?;
        // Where it is not above the largest, nothing is left of the excess, and the divisor is 1 to the bit.
        let excess = norm.affine(1.0, (1e-6 - max_norm) as f32)?.relu()?;
        let clip = excess.affine((1.0 / max_norm) as f32, 1.0)?;
        divisor.map_or(Ok(clip), |divisor| clip.mul(divisor.reshape(&[])?))
    }

    /// Keeps `gradient` for `parameter`, in place of what was kept, or added to it: how a batch that comes in parts sums
    /// its gradient before [`Graph::update_kept`]. Returns what is kept then.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn store_gradient<'g>(
        &'g self,
        parameter: &Parameter,
        gradient: Tensor<'g>,
        keep: Keep,
    ) -> Result<Tensor<'g>, Error> {
        is_trained(parameter)?;
        check_gradient(parameter, gradient)?;
        self.record(Store { slot: Slot::Gradient(parameter.id), keep }, &[gradient])
    }

    /// The gradient kept for `parameter` by an earlier plan.
    ///
    /// # Errors
    /// [`Error::Role`] for a statistic; if the graph cannot hold another node.
    pub fn kept_gradient(&self, parameter: &Parameter) -> Result<Tensor<'_>, Error> {
        is_trained(parameter)?;
        self.record(Variable::gradient(parameter), &[])
    }

    /// Moves `parameter` along the gradient kept for it.
    ///
    /// # Errors
    /// Only if the graph cannot hold another node.
    pub fn update_kept(&self, optimizer: Optimizer, parameter: &Parameter) -> Result<(), Error> {
        self.update_divided(optimizer, parameter, self.kept_gradient(parameter)?, None)
    }

    /// Ends a part of a batch: the next part's rows follow these, which is what dropout counts them by.
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] for 2³² rows or more; if the graph cannot hold another node.
    pub fn proceed(&self, rows: usize) -> Result<(), Error> {
        u32::try_from(rows).map_err(|_| Error::PlanTooLarge)?;
        self.record(ProceedRows { rows }, &[]).map(|_| ())
    }
}

/// Refuses a gradient of another shape.
fn check_gradient(parameter: &Parameter, gradient: Tensor<'_>) -> Result<(), Error> {
    if gradient.shape() == parameter.shape {
        return Ok(());
    }
    let found = [parameter.shape, gradient.shape()];
    Err(Error::shapes("update", "a gradient of the parameter's shape", &found))
}

/// The sum of scalars, pair by pair.
fn sum_of(mut scalars: Vec<Tensor<'_>>) -> Result<Tensor<'_>, Error> {
    while scalars.len() > 1 {
        let sums = scalars.chunks(2).map(|pair| match *pair {
            [a, b] => a.add(b),
            _ => Ok(pair[0]),
        });
        scalars = sums.collect::<Result<_, _>>()?;
    }
    scalars.first().copied().ok_or_else(|| Error::shapes("clip_divisor", "at least one gradient", &[]))
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
    use super::{LearningRate, Optimizer, power};
    use crate::testing::backends;
    use crate::testing::net::{ADAM, SGD};
    use crate::{
        Error, FileOrder, Graph, Keep, Parameter, Parameters, Plan, Role, Schedule, Session, Shape, State,
    };

    fn one_parameter(shape: Shape) -> (Parameters, Parameter) {
        let mut list = Parameters::new();
        let parameter = list.add("p", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        (list, parameter)
    }

    /// The first element of a vector of `n` after each of three steps with gradient 0.5, from 2.0 on, on every backend.
    fn three_steps(optimizer: Optimizer, rate: LearningRate, n: usize) -> Vec<[f32; 3]> {
        let shape = Shape::new(&[n]).unwrap();
        let (list, parameter) = one_parameter(shape);
        let graph = Graph::new();
        graph.advance(optimizer, rate).unwrap();
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

    fn assert_three_steps(optimizer: Optimizer, rate: impl Into<LearningRate>, expected: [f32; 3]) {
        let rate = rate.into();
        for n in [1, 7, 16, 33, 5000] {
            for found in three_steps(optimizer, rate, n) {
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
        assert_three_steps(SGD, TENTH.after_warmup(2), [1.975, 1.925, 1.875]);
        // Two warm-up steps to 0.4, from which the schedule begins.
        assert_three_steps(SGD, halving.after_warmup(2), [1.9, 1.7, 1.5]);
        // From 0.2 up to 0.4 at the second of five steps, and down again.
        let cycle =
            Schedule::OneCycle { learning_rate: 0.4, initial: 0.2, minimum: 0.0, rise: 0.4, steps: 5 };
        assert_three_steps(SGD, cycle, [1.9, 1.7, 1.55]);
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

    /// Three steps along gradients 3 and 4 of two parameters, clipped to a norm: their norm together is 5.
    fn clipped(max_norm: f64, divisor: Option<f32>) -> Vec<[Vec<f32>; 2]> {
        let mut list = Parameters::new();
        let (one, two) = (Shape::new(&[1]).unwrap(), Shape::new(&[2, 2]).unwrap());
        let mut add = |name, shape| list.add(name, shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        let parameters = [add("a", one), add("b", two)];
        let graph = Graph::new();
        graph.advance(SGD, TENTH).unwrap();
        let gradients = [graph.full(3.0, one).unwrap(), graph.full(2.0, two).unwrap()];
        let kept: Vec<_> = parameters
            .iter()
            .zip(gradients)
            .map(|(p, gradient)| graph.store_gradient(p, gradient, Keep::Replace).unwrap())
            .collect();
        let scalar = Shape::new(&[]).unwrap();
        let divisor = divisor.map(|by| graph.full(by, scalar).unwrap());
        let divisor = graph.clip_divisor(&kept, max_norm, divisor).unwrap();
        for (p, gradient) in parameters.iter().zip(kept) {
            graph.update_divided(SGD, p, gradient, Some(divisor)).unwrap();
        }
        let plan = Plan::new(&graph, &State::training(&list, SGD).unwrap(), &[]).unwrap();
        let updates = plan.describe().concat().iter().filter(|kernel| kernel.starts_with("update")).count();
        assert_eq!(updates, 1, "neighbours are updated together");
        let run = |(_, backend)| {
            let mut session = Session::new(&backend, vec![plan.clone()]).unwrap();
            session.run_once(0).unwrap();
            [0, 1].map(|i| session.parameter(parameters[i].id()).unwrap())
        };
        backends().into_iter().map(run).collect()
    }

    #[test]
    fn gradients_are_clipped_by_their_norm_together() {
        for (max_norm, divisor, factor) in [
            (2.5, None, 0.5),
            (5.1, None, 1.0),
            (f64::from(f32::MAX), None, 1.0),
            (1e-3, None, 2e-4),
            (2.5, Some(4.0), 0.25),
            (0.25, Some(4.0), 0.05),
        ] {
            for [a, b] in clipped(max_norm, divisor) {
                let close = |found: f32, expected: f32| (found - expected).abs() <= 1e-6 * expected.abs();
                assert!(close(a[0], -0.3 * factor), "{max_norm}, {divisor:?}: {a:?}");
                assert!(b.iter().all(|&b| close(b, -0.2 * factor)), "{max_norm}, {divisor:?}: {b:?}");
            }
        }
    }

    #[test]
    fn a_norm_that_is_not_above_zero_and_a_divisor_of_several_numbers_are_refused() {
        let (_, parameter) = one_parameter(Shape::new(&[2]).unwrap());
        let graph = Graph::new();
        let gradient = graph.full(1.0, parameter.shape()).unwrap();
        for max_norm in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-50] {
            let refused = graph.clip_divisor(&[gradient], max_norm, None);
            assert!(matches!(refused, Err(Error::Hyperparameter(_))), "{max_norm}");
        }
        assert!(matches!(graph.clip_divisor(&[], 1.0, None), Err(Error::Shapes { .. })));
        let refused = graph.update_divided(SGD, &parameter, gradient, Some(gradient));
        assert!(matches!(refused, Err(Error::Shapes { .. })));
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

    #[test]
    fn one_cycle_rises_to_its_peak_and_falls_to_its_minimum() {
        let cycle = Schedule::one_cycle(1.0, 10);
        for (step, rate) in [(1, 0.04), (2, 0.52), (3, 1.0), (10, 4e-6), (99, 4e-6)] {
            assert!((cycle.at(step) - rate).abs() < 1e-15, "step {step}");
        }
        let one_step = Schedule::one_cycle(1.0, 1);
        assert_eq!((one_step.at(1), one_step.at(2)), (4e-6, 4e-6));
        assert!(Schedule::one_cycle(1.0, 0).at(1).is_finite());
    }

    #[test]
    fn a_schedule_begins_behind_its_warm_up() {
        let cosine = Schedule::Cosine { learning_rate: 0.8, minimum: 0.0, steps: 10 };
        let rate = cosine.after_warmup(4);
        assert_eq!([1, 2, 3, 4].map(|t| rate.at(t)), [0.2, 0.4, 0.6000000000000001, 0.8]);
        assert!(
            (1..20).all(|t| rate.at(t + 4) == cosine.at(t) && cosine.after_warmup(0).at(t) == cosine.at(t))
        );
        assert_eq!(rate.to_string(), "from 0.8 along a cosine to 0 after 4 steps of warm-up");
    }
}
