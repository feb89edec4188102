//! Update rules: how parameters follow their gradients, recorded in the graph of a step.
//!
//! An [`Optimizer`] is a rule whose formula one kernel computes. One of a user's own is made of recorded operations, like
//! everything else in a graph: its state has slots of the session's memory, counted by the plan and kept in checkpoints; the new
//! values are written where the old ones lie, and everything of the step reads the old ones.

use std::fmt;
use std::sync::Arc;

use ndarray::ArrayD;

use super::leaf::Variable;
use crate::error::Error;
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::Copy;
use crate::ir::{Clock, Groups, Hyperparameter, Learning, Meta, Optimizer, Parameter, Rule, Shape, Slot};

/// How parameters follow their gradients: an optimizer, built in ([`Optimizer`]) or one's own.
///
/// ```
/// use plangrad_tensor::{Error, Hyperparameter, Parameters, State, UpdateRule, UpdateStep, Updated};
/// # use plangrad_tensor::{FileOrder, Role, Shape};
///
/// /// m ← βm + (1 − β)g; p ← p − η sign m: the sign of the momentum alone.
/// #[derive(Debug)]
/// struct SignMomentum {
///     beta: f32,
/// }
///
/// impl UpdateRule for SignMomentum {
///     fn state_names(&self) -> &'static [&'static str] {
///         &["momentum"]
///     }
///     fn check(&self) -> Result<(), Hyperparameter> {
///         Hyperparameter::share("beta", self.beta.into())
///     }
///     fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, Error> {
///         let kept = step.state[0].affine(self.beta, 0.0)?;
///         let momentum = kept.add(step.gradient.affine(1.0 - self.beta, 0.0)?)?;
///         let change = momentum.sign()?.mul(step.learning_rate)?;
///         Ok(Updated { parameter: step.parameter.sub(change)?, state: vec![momentum] })
///     }
/// }
///
/// # let mut list = Parameters::new();
/// # list.add("weight", Shape::new(&[784, 128])?, Role::Trained, FileOrder::Transposed)?;
/// let state = State::training(&list, SignMomentum { beta: 0.9 })?;
/// assert_eq!(state.moments(), 1);
/// assert!(State::training(&list, SignMomentum { beta: 1.5 }).is_err());
/// # Ok::<(), Error>(())
/// ```
pub trait UpdateRule: fmt::Debug {
    /// What is kept for each number of a parameter besides its gradient, by name: `["momentum"]`. It begins as zeros.
    fn state_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Refuses numbers that it cannot work with.
    ///
    /// # Errors
    /// The first of them.
    fn check(&self) -> Result<(), Hyperparameter> {
        Ok(())
    }

    /// Records the new values of a parameter, and of what is kept for it.
    ///
    /// # Errors
    /// Those of the operations that it records.
    fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, Error>;

    /// The built-in optimizer that it is, for which there is a kernel; none by default.
    fn built_in(&self) -> Option<Optimizer> {
        None
    }
}

/// What an [`UpdateRule`] sees of a step for one parameter.
///
/// Example: [`UpdateRule`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpdateStep<'g> {
    /// The parameter as the step found it.
    pub parameter: Tensor<'g>,
    /// The gradient of the loss by it, clipped and averaged, of its shape.
    pub gradient: Tensor<'g>,
    /// What is kept for it, in the order of [`UpdateRule::state_names`], of its shape.
    pub state: Vec<Tensor<'g>>,
    /// η of its group in this step, a scalar.
    pub learning_rate: Tensor<'g>,
    /// The number of the step, counted from 1, a scalar. It stays at 2²⁴, the last number up to which f32 can count.
    pub number: Tensor<'g>,
    /// Whether weight decay is for it: see [`Learning::decays`].
    pub decays: bool,
}

/// The new values that an [`UpdateRule`] records.
///
/// Example: [`UpdateRule`].
#[derive(Clone, Debug)]
pub struct Updated<'g> {
    /// Of the parameter.
    pub parameter: Tensor<'g>,
    /// Of what is kept for it, in the order of [`UpdateRule::state_names`].
    pub state: Vec<Tensor<'g>>,
}

impl<R: UpdateRule + ?Sized> UpdateRule for &R {
    fn state_names(&self) -> &'static [&'static str] {
        (**self).state_names()
    }

    fn check(&self) -> Result<(), Hyperparameter> {
        (**self).check()
    }

    fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, Error> {
        (**self).update(step)
    }

    fn built_in(&self) -> Option<Optimizer> {
        (**self).built_in()
    }
}

/// The formulas of [`Optimizer`](crate::Optimizer), as a rule of one's own would have them: to build on.
impl UpdateRule for Optimizer {
    fn state_names(&self) -> &'static [&'static str] {
        self.moment_names()
    }

    fn check(&self) -> Result<(), Hyperparameter> {
        Optimizer::check(self)
    }

    fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, Error> {
        let UpdateStep { parameter: p, gradient, learning_rate, .. } = *step;
        let decay = |rate: f64| if step.decays { rate as f32 } else { 0.0 };
        match *self {
            Optimizer::Sgd { momentum, weight_decay } => {
                let g = gradient.add(p.affine(decay(weight_decay), 0.0)?)?;
                let kept = step.state.first().map(|b| b.affine(momentum as f32, 0.0)?.add(g)).transpose()?;
                let parameter = p.sub(kept.unwrap_or(g).mul(learning_rate)?)?;
                Ok(Updated { parameter, state: kept.into_iter().collect() })
            }
            Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                let g = gradient.add(p.affine(decay(weight_decay), 0.0)?)?;
                adam(step, p, g, [beta1, beta2, epsilon])
            }
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                let left = learning_rate.affine(-decay(weight_decay), 1.0)?;
                adam(step, p.mul(left)?, gradient, [beta1, beta2, epsilon])
            }
        }
    }

    fn built_in(&self) -> Option<Optimizer> {
        Some(*self)
    }
}

/// Adam's step from `p` along `g`.
fn adam<'g>(
    step: &UpdateStep<'g>,
    p: Tensor<'g>,
    g: Tensor<'g>,
    [beta1, beta2, epsilon]: [f64; 3],
) -> Result<Updated<'g>, Error> {
    let share = |x: Tensor<'g>, share: f64| x.affine(share as f32, 0.0);
    let m = share(step.state[0], beta1)?.add(share(g, 1.0 - beta1)?)?;
    let v = share(step.state[1], beta2)?.add(share(g.mul(g)?, 1.0 - beta2)?)?;
    // 1 − βᵗ
    let correction = |beta: f64| step.number.affine(beta.ln() as f32, 0.0)?.exp()?.affine(-1.0, 1.0);
    let root = v.div(correction(beta2)?)?.sqrt()?.affine(1.0, epsilon as f32)?;
    let size = step.learning_rate.div(correction(beta1)?)?;
    Ok(Updated { parameter: p.sub(m.mul(size)?.div(root)?)?, state: vec![m, v] })
}

/// What a state must have been made for, where parameters learn so.
pub(crate) fn rule_of(rule: &dyn UpdateRule, learning: Learning) -> Rule {
    let in_group = |optimizer: Optimizer| match learning.decays {
        true => optimizer,
        false => optimizer.with_weight_decay(0.0),
    };
    let built_in = rule.built_in().map(in_group);
    let of_group =
        if learning == Learning::default() { String::new() } else { format!(" with {learning:?}") };
    Rule { description: format!("{rule:?}{of_group}"), state_names: rule.state_names(), built_in }
}

/// Gives a parameter, or what is kept for it, the value that a rule of one's own has recorded, when the step ends.
#[derive(Debug)]
struct Renew {
    slot: Slot,
    clock: Clock,
    rule: Arc<Rule>,
}

impl ShapeRule for Renew {
    fn name(&self) -> &'static str {
        "update"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(inputs[0])
    }
}

impl Gradient for Renew {}

impl Meaning for Renew {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        machine.store(self.slot, inputs[0].clone());
        one(inputs[0].clone())
    }
}

impl Lower for Renew {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (input, output) = (call.inputs[0].value, call.output().value);
        Lowered::kernel(Copy { input, output, elements: call.output().shape().elements() })
    }

    fn clock(&self) -> Clock {
        self.clock
    }

    fn rule(&self) -> Option<&Rule> {
        Some(&self.rule)
    }

    fn writes(&self) -> Option<Slot> {
        Some(self.slot)
    }
}

impl Graph {
    /// The number of the step, counted from 1, a scalar for formulas; the state needs [`crate::State::with_step_number`]. It
    /// stays at 2²⁴, the last number up to which f32 can count.
    ///
    /// # Errors
    /// Only if the graph cannot hold another node.
    pub fn step_number(&self) -> Result<Tensor<'_>, Error> {
        self.record(Variable::scalar(Slot::LearningRate(Clock::Number)), &[])
    }

    /// Multiplies the learning rate of this step by `factor`, a scalar, for each group: a schedule of one's own, as a formula
    /// of [`Graph::step_number`]. Record it behind [`Graph::advance`].
    ///
    /// # Errors
    /// [`Error::Shapes`] if it is not a scalar.
    pub fn scale_learning_rate<'g>(&'g self, factor: Tensor<'g>, groups: &Groups) -> Result<(), Error> {
        if factor.shape().rank() != 0 {
            return Err(Error::shapes("scale_learning_rate", "a scalar", &[factor.shape()]));
        }
        (0..groups.as_slice().len()).try_for_each(|group| self.scale_rates(Clock::Group(group), factor))
    }

    /// Records a rule of one's own for a parameter of `group`.
    pub(super) fn update_by_formula<'g>(
        &'g self,
        rule: &dyn UpdateRule,
        parameter: &Parameter,
        gradient: Tensor<'g>,
        (group, learning): (usize, Learning),
    ) -> Result<(), Error> {
        let (clock, id) = (Clock::Group(group), parameter.id);
        let kept = 0..rule.state_names().len();
        let state = kept.map(|i| self.record(Variable::moment(i, parameter), &[]));
        let step = UpdateStep {
            parameter: self.parameter(parameter)?,
            gradient,
            state: state.collect::<Result<_, _>>()?,
            learning_rate: self.record(Variable::scalar(Slot::LearningRate(clock)), &[])?,
            number: self.step_number()?,
            decays: learning.decays,
        };
        let updated = rule.update(&step)?;
        let (expected, found) = (step.state.len(), updated.state.len());
        if expected != found {
            return Err(Error::StateCount { rule: format!("{rule:?}"), expected, found });
        }
        let rule = Arc::new(rule_of(rule, learning));
        let slots = (0..found).map(|i| Slot::Moment(i, id)).chain([Slot::Parameter(id)]);
        for (slot, value) in slots.zip(updated.state.into_iter().chain([updated.parameter])) {
            if value.shape() != parameter.shape {
                let found = [parameter.shape, value.shape()];
                return Err(Error::shapes("update", "new values of the parameter's shape", &found));
            }
            self.record(Renew { slot, clock, rule: rule.clone() }, &[value])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Interpreter;
    use crate::testing::backends;
    use crate::testing::net::{ADAM, ADAMW, MOMENTUM, OPTIMIZERS, SGD};
    use crate::{FileOrder, Gradients, LearningRate, Parameters, Plan, Role, Schedule, Session, State};

    /// The formula of a built-in optimizer as one of a user's own.
    #[derive(Debug)]
    struct Written(Optimizer);

    impl UpdateRule for Written {
        fn state_names(&self) -> &'static [&'static str] {
            self.0.moment_names()
        }

        fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, Error> {
            self.0.update(step)
        }
    }

    /// Forgets its state.
    #[derive(Debug)]
    struct Forgetful;

    impl UpdateRule for Forgetful {
        fn state_names(&self) -> &'static [&'static str] {
            &["momentum"]
        }

        fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, Error> {
            Ok(Updated { parameter: step.parameter, state: Vec::new() })
        }
    }

    const RATE: Schedule = Schedule::Cosine { learning_rate: 0.1, minimum: 0.01, steps: 4 };

    /// What a step does besides.
    #[derive(Clone, Debug, Default)]
    struct Besides {
        groups: Groups,
        average: Option<f64>,
        divisor: Option<f32>,
        /// Whether the learning rate is times 1 / t.
        falls: bool,
        gradients: Gradients,
    }

    fn declare() -> (Parameters, Vec<Parameter>) {
        let mut list = Parameters::new();
        let mut add = |name, dims: &[usize]| {
            list.add(name, Shape::new(dims).unwrap(), Role::Trained, FileOrder::AsInGraph).unwrap()
        };
        let all = vec![add("weight", &[3, 7]), add("bias", &[7]), add("other", &[5])];
        (list, all)
    }

    fn first(parameter: &Parameter) -> Vec<f32> {
        (0..parameter.shape.elements()).map(|i| 1.0 + 0.125 * i as f32).collect()
    }

    /// A step along the gradient ½ p + 1.
    fn record(
        graph: &Graph,
        rule: &dyn UpdateRule,
        all: &[Parameter],
        besides: &Besides,
    ) -> Result<(), Error> {
        let Besides { groups, average, divisor, falls, .. } = besides;
        graph.advance_groups(rule, RATE, groups)?;
        if *falls {
            graph.scale_learning_rate(graph.step_number()?.pow(-1.0)?, groups)?;
        }
        let divisor = divisor.map(|divisor| graph.full(divisor, Shape::SCALAR)).transpose()?;
        for parameter in all {
            let gradient = graph.parameter(parameter)?.affine(0.5, 1.0)?;
            let kept = graph.store_gradient(parameter, gradient, crate::Keep::Replace)?;
            graph.update_in_group(rule, parameter, kept, divisor, groups)?;
        }
        average.map_or(Ok(()), |decay| graph.average(all, decay))
    }

    fn plan(rule: &dyn UpdateRule, list: &Parameters, besides: &Besides) -> Plan {
        let graph = Graph::new();
        record(&graph, rule, list.as_slice(), besides).unwrap();
        let state = State::training_in_groups(list, rule, &besides.groups).unwrap();
        let state = state.with_step_number().unwrap().with_gradients(besides.gradients).unwrap();
        let state = if besides.average.is_some() { state.with_averages().unwrap() } else { state };
        Plan::new(&graph, &state, &[]).unwrap()
    }

    /// What `steps` steps leave of parameters, moments and averages, by the reference.
    fn interpreted(
        rule: &dyn UpdateRule,
        all: &[Parameter],
        besides: &Besides,
        steps: usize,
    ) -> Vec<Vec<f64>> {
        let graph = Graph::new();
        record(&graph, rule, all, besides).unwrap();
        let mut machine = Interpreter::new();
        for parameter in all {
            let values = first(parameter).into_iter().map(f64::from).collect();
            let dims = ndarray::IxDyn(parameter.shape.dims());
            machine.set_parameter(parameter.id, ArrayD::from_shape_vec(dims, values).unwrap());
        }
        (0..steps).for_each(|_| machine.run(&graph, &[]).map(drop).unwrap());
        let of = |parameter: &Parameter| {
            let moments = (0..rule.state_names().len()).map(|i| machine.moment(i, parameter.id));
            let average = besides.average.and_then(|_| machine.average(parameter.id));
            let arrays = [machine.parameter(parameter.id), average].into_iter().chain(moments).flatten();
            arrays.map(|array| array.iter().copied().collect()).collect::<Vec<Vec<f64>>>()
        };
        all.iter().flat_map(of).collect()
    }

    /// The same by a session, on every backend.
    fn trained(
        rule: &dyn UpdateRule,
        list: &Parameters,
        besides: &Besides,
        steps: usize,
    ) -> Vec<Vec<Vec<f32>>> {
        let run = |(name, backend): (String, crate::Backend)| {
            if besides.gradients == Gradients::Consumed && !backend.device().consumes_gradients() {
                return None;
            }
            let mut session = Session::new(&backend, vec![plan(rule, list, besides)]).expect(&name);
            list.as_slice().iter().for_each(|p| session.set_parameter(p.id, &first(p)).unwrap());
            (0..steps).for_each(|_| session.run_once(0).unwrap());
            let of = |p: &Parameter| {
                let moments = (0..rule.state_names().len()).map(|i| session.moment(i, p.id).unwrap());
                let average = besides.average.map(|_| session.average(p.id).unwrap());
                let arrays = [Some(session.parameter(p.id).unwrap()), average].into_iter().flatten();
                arrays.chain(moments).collect::<Vec<_>>()
            };
            Some(list.as_slice().iter().flat_map(of).collect())
        };
        backends().into_iter().filter_map(run).collect()
    }

    /// Asserts that every backend and the reference leave what is expected, to rounding in f32.
    fn assert_trains_like(
        rule: &dyn UpdateRule,
        expected: &[Vec<f64>],
        (list, besides): (&Parameters, &Besides),
    ) {
        let assert_close = |found: &[Vec<f64>]| {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                // The bias corrections of a formula lose four digits in the first steps.
                let close = (found - expected).abs() <= 2e-4 * (1.0 + expected.abs());
                assert!(close, "{found} instead of {expected}: {rule:?} {besides:?}");
            }
        };
        assert_close(&interpreted(rule, list.as_slice(), besides, 5));
        for found in trained(rule, list, besides, 5) {
            let wide = |array: Vec<f32>| array.into_iter().map(f64::from).collect();
            assert_close(&found.into_iter().map(wide).collect::<Vec<_>>());
        }
    }

    fn some_groups(all: &[Parameter]) -> Groups {
        let undecayed = Learning { decays: false, ..Learning::default() };
        Groups::new([(all[1].id, undecayed), (all[2].id, Learning { rate_scale: 0.25, ..undecayed })])
            .unwrap()
    }

    #[test]
    fn the_formula_of_each_built_in_optimizer_trains_like_its_kernel() {
        let (list, all) = declare();
        let groups = some_groups(&all);
        let levers = [
            Besides::default(),
            Besides { divisor: Some(4.0), gradients: Gradients::Consumed, ..Besides::default() },
            Besides { groups, average: Some(0.75), falls: true, ..Besides::default() },
        ];
        for optimizer in OPTIMIZERS {
            for besides in &levers {
                let expected = interpreted(&optimizer, &all, besides, 5);
                assert_trains_like(&optimizer, &expected, (&list, besides));
                assert_trains_like(&Written(optimizer), &expected, (&list, besides));
            }
        }
    }

    #[test]
    fn a_group_trains_like_a_run_with_its_rate_and_decay() {
        let (list, all) = declare();
        let besides = Besides { groups: some_groups(&all), ..Besides::default() };
        for optimizer in [MOMENTUM, ADAMW] {
            let grouped = interpreted(&optimizer, &all, &besides, 5);
            assert_trains_like(&optimizer, &grouped, (&list, &besides));
            let arrays = 1 + optimizer.moments();
            for (number, parameter) in all.iter().enumerate() {
                let Learning { rate_scale, decays } = besides.groups.learning(parameter.id);
                let alone = if decays { optimizer } else { optimizer.with_weight_decay(0.0) };
                let rate: LearningRate = RATE.scaled(rate_scale).into();
                let graph = Graph::new();
                graph.advance(alone, rate).unwrap();
                let gradient = graph.parameter(parameter).unwrap().affine(0.5, 1.0).unwrap();
                graph.update(alone, parameter, gradient).unwrap();
                let mut machine = Interpreter::new();
                let values = first(parameter).into_iter().map(f64::from).collect();
                let dims = ndarray::IxDyn(parameter.shape.dims());
                machine.set_parameter(parameter.id, ArrayD::from_shape_vec(dims, values).unwrap());
                (0..5).for_each(|_| machine.run(&graph, &[]).map(drop).unwrap());
                let expected: Vec<f64> = machine.parameter(parameter.id).unwrap().iter().copied().collect();
                assert_eq!(grouped[number * arrays], expected, "{}", parameter.name());
            }
        }
    }

    /// What is recorded for each parameter is computed in the place of its gradient, or in one of that size, and stored without a
    /// copy; a group, and all averages, are updated by one kernel.
    #[test]
    fn new_values_are_written_where_they_belong() {
        let (list, all) = declare();
        let of = |rule: &dyn UpdateRule, besides: &Besides| plan(rule, &list, besides).describe().concat();
        let copies = |kernels: &[String]| kernels.iter().filter(|name| name.starts_with("copy")).count();
        for optimizer in OPTIMIZERS {
            let kernels = of(&Written(optimizer), &Besides { falls: true, ..Besides::default() });
            assert_eq!(copies(&kernels), 0, "{kernels:?}");
        }
        let grouped = Besides { groups: some_groups(&all), average: Some(0.9), ..Besides::default() };
        let updates = |kernels: Vec<String>| kernels.into_iter().filter(|name| name.starts_with("update"));
        let updates: Vec<String> = updates(of(&ADAM, &grouped)).collect();
        assert_eq!(updates, ["update 21", "update 7", "update 5", "update 33"]);
    }

    #[test]
    fn what_is_kept_is_counted() {
        let (list, _) = declare();
        let bytes = |state: State| {
            let graph = Graph::new();
            let report = Plan::new(&graph, &state, &[]).unwrap().report();
            report.get(crate::Category::OptimizerState)
        };
        let numbers = 4 * (21 + 7 + 5);
        let state = |rule: &dyn UpdateRule| State::training(&list, rule).unwrap();
        assert_eq!([bytes(state(&Written(ADAM))), bytes(state(&ADAM))], [2 * numbers; 2]);
        assert_eq!([bytes(state(&Written(SGD))), bytes(state(&SGD))], [0; 2]);
        assert_eq!(bytes(state(&SGD).with_averages().unwrap()), numbers);
        assert_eq!(bytes(state(&Forgetful)), numbers);
    }

    #[test]
    fn a_step_for_another_rule_or_other_groups_is_refused() {
        let (list, all) = declare();
        let groups = some_groups(&all);
        let plan = |rule: &dyn UpdateRule, besides: &Besides, state: State| {
            let graph = Graph::new();
            record(&graph, rule, &all, besides).unwrap();
            Plan::new(&graph, &state, &[])
        };
        let grouped = Besides { groups: groups.clone(), ..Besides::default() };
        let one = State::training(&list, ADAM).unwrap();
        let several = State::training_in_groups(&list, ADAM, &groups).unwrap();
        for refused in [
            plan(&Written(ADAM), &Besides::default(), one.clone()),
            plan(&MOMENTUM, &Besides::default(), one.clone()),
            plan(&ADAM, &grouped, one.clone()),
            plan(&ADAM, &Besides::default(), several.clone()),
        ] {
            assert!(matches!(refused, Err(Error::Optimizer { .. })), "{refused:?}");
        }
        let averaged = Besides { average: Some(0.5), ..Besides::default() };
        assert!(matches!(plan(&ADAM, &averaged, one.clone()), Err(Error::NotKept(_))));
        let falling = Besides { falls: true, ..Besides::default() };
        assert!(matches!(plan(&ADAM, &falling, one), Err(Error::NotKept(_))));
        assert!(plan(&ADAM, &grouped, several).is_ok());
    }

    #[test]
    fn a_rule_that_forgets_its_state_and_a_rate_below_zero_are_refused() {
        let (_, all) = declare();
        let graph = Graph::new();
        let gradient = graph.full(1.0, all[0].shape).unwrap();
        let refused = graph.update(Forgetful, &all[0], gradient);
        assert!(matches!(refused, Err(Error::StateCount { expected: 1, found: 0, .. })), "{refused:?}");
        assert!(Groups::new([(all[0].id, Learning { rate_scale: -1.0, decays: true })]).is_err());
        assert!(graph.average(&all, 1.0).is_err());
    }
}
