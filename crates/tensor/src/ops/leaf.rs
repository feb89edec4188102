//! Values that come from outside the graph: constants, fills, parameters and their gradients.

use std::sync::Arc;

use super::rules;
use crate::error::Error;
use crate::graph::{
    Call, Gradient, Graph, Interpreter, Known, Lower, Lowered, Meaning, ShapeRule, Simpler, Tensor, one,
};
use crate::ir::kernel::{Accumulate, Constant, Copy, Data};
use crate::ir::{DType, Meta, Parameter, ParameterId, Shape, Slot};
use ndarray::{ArrayD, IxDyn};

/// Numbers copied into the plan.
#[derive(Debug)]
pub(crate) struct ConstantValues {
    values: Arc<[f32]>,
    shape: Shape,
    requires_grad: bool,
}

impl ConstantValues {
    pub(crate) fn new(values: ArrayD<f32>, requires_grad: bool) -> Result<ConstantValues, Error> {
        let shape = Shape::new(values.shape())?;
        Ok(ConstantValues { values: values.iter().copied().collect(), shape, requires_grad })
    }
}

impl ShapeRule for ConstantValues {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(self.shape))
    }
}

impl Gradient for ConstantValues {
    fn is_variable(&self) -> bool {
        self.requires_grad
    }
}

impl Meaning for ConstantValues {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let values = self.values.iter().map(|&x| f64::from(x)).collect();
        one(ArrayD::from_shape_vec(IxDyn(self.shape.dims()), values)
            .expect("the shape was taken from these values"))
    }
}

impl Lower for ConstantValues {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        Lowered::kernel(Constant { output: call.output().value, data: Data::F32(self.values.clone()) })
    }
}

/// Class labels copied into the plan.
#[derive(Debug)]
pub(crate) struct ConstantLabels {
    labels: Arc<[u8]>,
    shape: Shape,
}

impl ConstantLabels {
    pub(crate) fn new(labels: &[u8]) -> Result<ConstantLabels, Error> {
        Ok(ConstantLabels { labels: labels.into(), shape: Shape::new(&[labels.len()])? })
    }
}

impl ShapeRule for ConstantLabels {
    fn name(&self) -> &'static str {
        "labels"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta { shape: self.shape, dtype: DType::U8 })
    }
}

impl Gradient for ConstantLabels {}

impl Meaning for ConstantLabels {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(self.labels.iter().map(|&x| f64::from(x)).collect::<ndarray::Array1<f64>>().into_dyn())
    }
}

impl Lower for ConstantLabels {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        Lowered::kernel(Constant { output: call.output().value, data: Data::U8(self.labels.clone()) })
    }
}

/// One number in every element. The planner computes with it where it can.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) value: f32,
    pub(crate) shape: Shape,
}

impl ShapeRule for Full {
    fn name(&self) -> &'static str {
        "full"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(self.shape))
    }
}

impl Gradient for Full {}

impl Meaning for Full {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        outputs: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(ArrayD::from_elem(IxDyn(outputs[0].dims()), f64::from(self.value)))
    }
}

impl Lower for Full {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let data = Data::Fill(self.value, call.output().shape().elements());
        Lowered::kernel(Constant { output: call.output().value, data })
    }

    fn simplify(&self, _: &Known<'_>) -> Simpler {
        Simpler::Full(self.value)
    }
}

/// A view of a persistent slot: a parameter, or the gradient kept for it.
#[derive(Debug)]
pub(crate) struct Variable {
    slot: Slot,
    shape: Shape,
    trainable: bool,
}

impl Variable {
    pub(crate) fn parameter(parameter: &Parameter) -> Variable {
        Variable {
            slot: Slot::Parameter(parameter.id),
            shape: parameter.shape,
            trainable: parameter.is_trained(),
        }
    }

    pub(crate) fn gradient(parameter: &Parameter) -> Variable {
        Variable { slot: Slot::Gradient(parameter.id), shape: parameter.shape, trainable: false }
    }
}

impl ShapeRule for Variable {
    fn name(&self) -> &'static str {
        "parameter"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(self.shape))
    }
}

impl Gradient for Variable {
    fn is_variable(&self) -> bool {
        self.trainable
    }
}

impl Meaning for Variable {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(machine.slot(self.slot, outputs[0])?)
    }
}

impl Lower for Variable {
    fn lower(&self, _: &mut Call<'_>) -> Lowered {
        Lowered::Slot(self.slot)
    }
}

/// What becomes of the gradient that was kept before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The new one takes its place.
    Replace,
    /// The new one is added to it.
    Add,
}

/// Puts a gradient into the slot kept for it, so that an optimizer finds all of them contiguous; or adds it to what is
/// there, when a batch comes in parts.
#[derive(Debug)]
pub(crate) struct StoreGradient {
    pub(crate) parameter: ParameterId,
    pub(crate) keep: Keep,
}

impl ShapeRule for StoreGradient {
    fn name(&self) -> &'static str {
        "store_gradient"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        one(inputs[0])
    }
}

impl Gradient for StoreGradient {}

impl Meaning for StoreGradient {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let slot = Slot::Gradient(self.parameter);
        let gradient = match self.keep {
            Keep::Replace => inputs[0].clone(),
            Keep::Add => machine.slot(slot, outputs[0])? + inputs[0],
        };
        machine.store(slot, gradient.clone());
        one(gradient)
    }
}

impl Lower for StoreGradient {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (input, output) = (call.inputs[0].value, call.output().value);
        let meta = call.output().meta;
        match self.keep {
            Keep::Add => Lowered::kernel(Accumulate { input, output, elements: meta.shape.elements() }),
            Keep::Replace => Lowered::kernel(Copy { input, output, bytes: meta.bytes() }),
        }
    }

    fn writes(&self) -> Option<Slot> {
        Some(Slot::Gradient(self.parameter))
    }
}

/// Gives a statistic a new value, once everything of the step has read the old one.
#[derive(Debug)]
struct Assign {
    parameter: ParameterId,
}

impl ShapeRule for Assign {
    fn name(&self) -> &'static str {
        "assign"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        one(inputs[0])
    }
}

impl Gradient for Assign {}

impl Meaning for Assign {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        machine.store(Slot::Parameter(self.parameter), inputs[0].clone());
        one(inputs[0].clone())
    }
}

impl Lower for Assign {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (input, output) = (call.inputs[0].value, call.output());
        Lowered::kernel(Copy { input, output: output.value, bytes: output.meta.bytes() })
    }

    fn writes(&self) -> Option<Slot> {
        Some(Slot::Parameter(self.parameter))
    }
}

impl Graph {
    /// A parameter, readable by every plan of a session. Asking again gives the same tensor, so a gradient by it counts
    /// every use.
    ///
    /// # Errors
    /// Only if the graph cannot hold another value.
    pub fn parameter(&self, parameter: &Parameter) -> Result<Tensor<'_>, Error> {
        self.parameter_once(parameter.id, || self.record(Variable::parameter(parameter), &[]))
    }

    /// Gives a statistic (a running mean, say) the value `value` when the step ends: whatever the order of recording,
    /// everything of the step reads the old value.
    ///
    /// # Errors
    /// [`Error::Role`] if the optimizer is what changes the parameter; [`Error::Shapes`] if the shapes differ.
    pub fn assign<'g>(&'g self, parameter: &Parameter, value: Tensor<'g>) -> Result<(), Error> {
        if parameter.is_trained() {
            let reason = "the optimizer changes it; declare it as a statistic";
            return Err(Error::Role { op: "assign", parameter: parameter.id, reason });
        }
        if value.shape() != parameter.shape {
            let found = [parameter.shape, value.shape()];
            return Err(Error::shapes("assign", "a value of the parameter's shape", &found));
        }
        self.record(Assign { parameter: parameter.id }, &[value]).map(|_| ())
    }

    /// A value copied into the plan, of which no gradient is asked.
    ///
    /// # Errors
    /// [`Error::Shape`] for impossible shapes.
    pub fn constant<D: ndarray::Dimension>(
        &self,
        values: ndarray::Array<f32, D>,
    ) -> Result<Tensor<'_>, Error> {
        self.record(ConstantValues::new(values.into_dyn(), false)?, &[])
    }

    /// Like [`Graph::constant`], but a gradient may be asked of it.
    ///
    /// # Errors
    /// [`Error::Shape`] for impossible shapes.
    pub fn variable<D: ndarray::Dimension>(
        &self,
        values: ndarray::Array<f32, D>,
    ) -> Result<Tensor<'_>, Error> {
        self.record(ConstantValues::new(values.into_dyn(), true)?, &[])
    }

    /// Class labels copied into the plan, one byte each.
    ///
    /// # Errors
    /// [`Error::Shape`] for impossible shapes.
    pub fn labels(&self, labels: &[u8]) -> Result<Tensor<'_>, Error> {
        self.record(ConstantLabels::new(labels)?, &[])
    }

    /// `value` in every element of `shape`.
    ///
    /// # Errors
    /// Only if the graph cannot hold another value.
    pub fn full(&self, value: f32, shape: Shape) -> Result<Tensor<'_>, Error> {
        self.record(Full { value, shape }, &[])
    }
}

/// Numbers in f64 for finite differences, which f32 could not resolve. Known to the reference only.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Wide {
    pub(crate) values: ArrayD<f64>,
}

#[cfg(test)]
impl ShapeRule for Wide {
    fn name(&self) -> &'static str {
        "wide"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(Shape::new(self.values.shape())?))
    }
}

#[cfg(test)]
impl Gradient for Wide {}

#[cfg(test)]
impl Meaning for Wide {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(self.values.clone())
    }
}

#[cfg(test)]
impl Lower for Wide {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let data = Data::F32(self.values.iter().map(|&x| x as f32).collect());
        Lowered::kernel(Constant { output: call.output().value, data })
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
