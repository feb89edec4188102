//! Values that outlive a step: what puts them into their slots.

use ndarray::ArrayD;

use super::leaf::Variable;
use super::rules;
use crate::error::Error;
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Accumulate, Copy};
use crate::ir::{Clock, DType, Meta, Parameter, Role, Shape, Slot};

/// What becomes of the gradient that was kept before.
///
/// ```
/// use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
/// use plangrad_tensor::*;
///
/// let mut list = Parameters::new();
/// let w = list.add("w", Shape::new(&[1])?, Role::Trained, FileOrder::AsInGraph)?;
/// let state = State::training(&list, Optimizer::sgd())?;
/// let part = |gradient: f32, keep| {
///     let graph = Graph::new();
///     graph.advance(Optimizer::sgd(), Schedule::Constant { learning_rate: 1.0 })?;
///     graph.store_gradient(&w, graph.full(gradient, w.shape())?, keep)?;
///     Plan::new(&graph, &state, &[])
/// };
/// let plans = vec![part(3.0, Keep::Replace)?, part(4.0, Keep::Add)?];
/// let mut session = Session::new(&Cpu::open(CpuOptions::default())?, plans)?;
/// session.run_once(0)?;
/// session.run_once(1)?;
/// assert_eq!(session.gradient(w.id())?, [7.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The new one takes its place.
    Replace,
    /// The new one is added to it.
    Add,
}

/// Puts a value into a persistent slot: a gradient into the one kept for it, so that an optimizer finds all of them
/// contiguous (or adds it to what is there, when a batch comes in parts); or a new value into a statistic, once everything
/// of the step has read the old one.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) slot: Slot,
    pub(super) keep: Keep,
}

impl ShapeRule for Store {
    fn name(&self) -> &'static str {
        match self.slot {
            Slot::Gradient(_) => "store_gradient",
            Slot::BatchWeight => "store_batch_weight",
            _ => "assign",
        }
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        one(inputs[0])
    }
}

impl Gradient for Store {}

impl Meaning for Store {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let value = match self.keep {
            Keep::Replace => inputs[0].clone(),
            Keep::Add => machine.slot(self.slot, outputs[0])? + inputs[0],
        };
        machine.store(self.slot, value.clone());
        one(value)
    }
}

impl Lower for Store {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (input, output) = (call.inputs[0].value, call.output().value);
        let elements = call.output().shape().elements();
        match self.keep {
            Keep::Add => Lowered::kernel(Accumulate { input, output, elements }),
            Keep::Replace => Lowered::kernel(Copy { input, output, elements }),
        }
    }

    fn writes(&self) -> Option<Slot> {
        Some(self.slot)
    }
}

impl Graph {
    /// Multiplies what updates by this clock multiply by.
    pub(super) fn scale_rates<'g>(&'g self, clock: Clock, factor: Tensor<'g>) -> Result<(), Error> {
        let slot = Slot::Rates(clock);
        let rates = Variable { slot, shape: Shape::new(&[2])?, trainable: false };
        let scaled = self.record(rates, &[])?.mul(factor)?;
        self.record(Store { slot, keep: Keep::Replace }, &[scaled]).map(|_| ())
    }

    /// Keeps `weight`, a scalar, as the weight of a batch that comes in parts, or adds it to what is kept; the state needs
    /// [`crate::State::with_batch_weight`].
    ///
    /// # Errors
    /// [`Error::Shapes`] if it is not a scalar.
    pub fn store_batch_weight<'g>(&'g self, weight: Tensor<'g>, keep: Keep) -> Result<(), Error> {
        if weight.shape().rank() != 0 {
            return Err(Error::shapes("store_batch_weight", "a scalar", &[weight.shape()]));
        }
        self.record(Store { slot: Slot::BatchWeight, keep }, &[weight]).map(|_| ())
    }

    /// The weight of the batch that earlier plans have kept, a scalar.
    ///
    /// # Errors
    /// Only if the graph cannot hold another node.
    pub fn batch_weight(&self) -> Result<Tensor<'_>, Error> {
        self.record(Variable::scalar(Slot::BatchWeight), &[])
    }

    /// Gives a statistic (a running mean, say) the value `value` when the step ends: whatever the order of recording,
    /// everything of the step reads the old value.
    ///
    /// # Errors
    /// [`Error::Role`] if the optimizer is what changes the parameter, or nothing does; [`Error::Shapes`] if the shapes differ.
    pub fn assign<'g>(&'g self, parameter: &Parameter, value: Tensor<'g>) -> Result<(), Error> {
        let reason = match parameter.role {
            Role::Statistic => None,
            Role::Trained => Some("the optimizer changes it; declare it as a statistic"),
            Role::Frozen => Some("it is frozen; declare it as a statistic"),
        };
        if let Some(reason) = reason {
            return Err(Error::Role { op: "assign", parameter: parameter.id, reason });
        }
        if value.shape() != parameter.shape {
            let found = [parameter.shape, value.shape()];
            return Err(Error::shapes("assign", "a value of the parameter's shape", &found));
        }
        let store = Store { slot: Slot::Parameter(parameter.id), keep: Keep::Replace };
        self.record(store, &[value]).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use crate::reference::Interpreter;
    use crate::testing::backends;
    use crate::{
        Error, FileOrder, Graph, Optimizer, Parameter, Parameters, Plan, Role, Schedule, Session, Shape,
        State,
    };

    const SGD: Optimizer = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 };

    /// A trained parameter and two statistics.
    fn declare() -> (Parameters, [Parameter; 3]) {
        let mut list = Parameters::new();
        let shape = Shape::new(&[5]).unwrap();
        let mut add = |name, role| list.add(name, shape, role, FileOrder::AsInGraph).unwrap();
        let all = [add("w", Role::Trained), add("a", Role::Statistic), add("b", Role::Statistic)];
        (list, all)
    }

    /// Asserts that every backend leaves in the parameters what the reference does, after two steps.
    fn agree(record: impl for<'g> Fn(&'g Graph, &[Parameter; 3]) -> Result<(), Error>) {
        let (list, all) = declare();
        let graph = Graph::new();
        record(&graph, &all).unwrap();
        let plan = Plan::new(&graph, &State::training(&list, SGD).unwrap(), &[]).unwrap();
        let first = |i: usize| (0..5).map(|j| (10 * i + j) as f32).collect::<Vec<f32>>();
        let mut machine = Interpreter::new();
        for (i, parameter) in all.iter().enumerate() {
            let values = first(i).into_iter().map(f64::from).collect();
            machine.set_parameter(parameter.id(), ArrayD::from_shape_vec(IxDyn(&[5]), values).unwrap());
        }
        (0..2).for_each(|_| machine.run(&graph, &[]).map(|_| ()).unwrap());
        for (name, backend) in backends() {
            let mut session = Session::new(&backend, vec![plan.clone()]).unwrap();
            for (i, parameter) in all.iter().enumerate() {
                session.set_parameter(parameter.id(), &first(i)).unwrap();
            }
            (0..2).for_each(|_| session.run_once(0).unwrap());
            for parameter in &all {
                let expected = machine.parameter(parameter.id()).unwrap().mapv(|x| x as f32);
                let found = session.parameter(parameter.id()).unwrap();
                assert_eq!(found, expected.as_slice().unwrap(), "{name}: {}", parameter.name());
            }
        }
    }

    #[test]
    fn an_assignment_takes_the_value_that_a_parameter_had_when_the_step_began() {
        // A swap, a shift register, and a snapshot beside an update.
        agree(|graph, [_, a, b]| {
            graph.assign(a, graph.parameter(b)?)?;
            graph.assign(b, graph.parameter(a)?)
        });
        agree(|graph, [_, a, b]| {
            graph.assign(a, graph.parameter(a)?.affine(2.0, 1.0)?)?;
            graph.assign(b, graph.parameter(a)?)
        });
        agree(|graph, [w, a, _]| {
            graph.advance(SGD, Schedule::Constant { learning_rate: 0.5 })?;
            graph.update(SGD, w, graph.full(1.0, w.shape())?)?;
            graph.assign(a, graph.parameter(w)?.reshape(&[5])?)
        });
    }

    #[test]
    fn a_value_of_another_graph_is_not_assigned() {
        let (_, [_, a, _]) = declare();
        let (graph, other) = (Graph::new(), Graph::new());
        let value = other.full(1.0, a.shape()).unwrap();
        assert!(matches!(graph.assign(&a, value), Err(Error::OtherGraph { op: "assign" })));
    }

    /// Copies of a list that grow apart give different parameters the same place.
    #[test]
    fn a_parameter_that_only_a_copy_of_the_list_has_is_refused() {
        let mut list = Parameters::new();
        let mut copy = list.clone();
        let shape = |n| Shape::new(&[n]).unwrap();
        list.add("small", shape(1), Role::Statistic, FileOrder::AsInGraph).unwrap();
        let large = copy.add("large", shape(1_000_000), Role::Statistic, FileOrder::AsInGraph).unwrap();
        let graph = Graph::new();
        let sum = graph.parameter(&large).unwrap().sum().unwrap();
        let planned = Plan::new(&graph, &State::inference(&list).unwrap(), &[sum]);
        assert!(matches!(planned, Err(Error::NotKept(_))));
    }
}
