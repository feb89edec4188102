//! Parameter updates: SGD with momentum, Adam, AdamW.
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
//! What changes from step to step (t, η, the bias corrections) is read from the session's step block, which
//! [`Graph::advance`] sets.

use ndarray::ArrayD;

use super::leaf::Variable;
use super::rule::{UpdateRule, rule_of};
use super::rules;
use super::store::{Keep, Store};
use crate::error::Error;
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Target, Update};
use crate::ir::{
    Clock, DType, Groups, Meta, Optimizer, Parameter, ParameterId, Role, Rule, Shape, Slot, power,
};

/// Inputs: the stored gradient, and if it is to be divided, a number. Changes the parameter and its moments in place.
#[derive(Debug)]
struct UpdateParameter {
    optimizer: Optimizer,
    rule: Rule,
    clock: Clock,
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
        let (lr, t) = (machine.rate(self.clock), machine.step);
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
            moments: std::array::from_fn(|i| call.kept.get(i).copied()),
            step_block: call.step_block,
        };
        let elements = call.output().shape().elements();
        Lowered::kernel(Update { target, gradient: call.inputs[0].value, elements })
    }

    fn clock(&self) -> Clock {
        self.clock
    }

    fn rule(&self) -> Option<&Rule> {
        Some(&self.rule)
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
    /// Moves `parameter` along `gradient` in place, after everything that reads the old value: whatever the order of
    /// recording, a step reads its parameters as they were when it began.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn update<'g>(
        &'g self,
        rule: impl UpdateRule,
        parameter: &Parameter,
        gradient: Tensor<'g>,
    ) -> Result<(), Error> {
        let gradient = self.store_gradient(parameter, gradient, Keep::Replace)?;
        self.update_divided(rule, parameter, gradient, None)
    }

    /// The same along a gradient that is kept already ([`Graph::store_gradient`], [`Graph::kept_gradient`]), divided by
    /// `divisor`, one number, if there is one.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn update_divided<'g>(
        &'g self,
        rule: impl UpdateRule,
        parameter: &Parameter,
        gradient: Tensor<'g>,
        divisor: Option<Tensor<'g>>,
    ) -> Result<(), Error> {
        self.update_in_group(rule, parameter, gradient, divisor, &Groups::default())
    }

    /// The same for a parameter of one of `groups`, which are those of [`Graph::advance_groups`] and of the state.
    ///
    /// # Errors
    /// If the shapes differ; those of [`UpdateRule::update`].
    pub fn update_in_group<'g>(
        &'g self,
        rule: impl UpdateRule,
        parameter: &Parameter,
        gradient: Tensor<'g>,
        divisor: Option<Tensor<'g>>,
        groups: &Groups,
    ) -> Result<(), Error> {
        check_gradient(parameter, gradient)?;
        let (group, learning) = (groups.number(parameter.id), groups.learning(parameter.id));
        let of_group = rule_of(&rule, learning);
        let Some(optimizer) = of_group.built_in else {
            let divided = divisor.map_or(Ok(gradient), |divisor| gradient.div(divisor))?;
            return self.update_by_formula(&rule, parameter, divided, (group, learning));
        };
        let inputs: Vec<Tensor<'g>> = [Some(gradient), divisor].into_iter().flatten().collect();
        let (rule, clock) = (of_group, Clock::Group(group));
        self.record(UpdateParameter { optimizer, rule, clock, parameter: parameter.id }, &inputs).map(|_| ())
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
    /// [`Error::Role`] for a parameter that is not trained; if the graph cannot hold another node.
    pub fn kept_gradient(&self, parameter: &Parameter) -> Result<Tensor<'_>, Error> {
        is_trained(parameter)?;
        self.record(Variable::gradient(parameter), &[])
    }

    /// Moves `parameter` along the gradient kept for it.
    ///
    /// # Errors
    /// Only if the graph cannot hold another node.
    pub fn update_kept(&self, rule: impl UpdateRule, parameter: &Parameter) -> Result<(), Error> {
        self.update_divided(rule, parameter, self.kept_gradient(parameter)?, None)
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

/// Refuses what no optimizer changes.
fn is_trained(parameter: &Parameter) -> Result<(), Error> {
    let reason = match parameter.role {
        Role::Trained => return Ok(()),
        Role::Statistic => "it is a statistic; give it its value with Graph::assign",
        Role::Frozen => "it is frozen",
    };
    Err(Error::Role { op: "update", parameter: parameter.id, reason })
}

#[cfg(test)]
mod tests {
    use super::Optimizer;
    use crate::testing::backends;
    use crate::testing::net::{ADAM, SGD};
    use crate::{
        Error, FileOrder, Graph, LearningRate, Parameter, Parameters, Plan, Role, Schedule, Session, Shape,
        State,
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
    fn a_divisor_of_several_numbers_is_refused() {
        let (_, parameter) = one_parameter(Shape::new(&[2]).unwrap());
        let graph = Graph::new();
        let gradient = graph.full(1.0, parameter.shape()).unwrap();
        let refused = graph.update_divided(SGD, &parameter, gradient, Some(gradient));
        assert!(matches!(refused, Err(Error::Shapes { .. })));
    }
}
