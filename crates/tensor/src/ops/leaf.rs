//! Values that come from outside the graph: constants, fills, parameters and their gradients.

use std::sync::Arc;

use crate::error::Error;
use crate::graph::{
    Call, Gradient, Graph, Interpreter, Known, Lower, Lowered, Meaning, ShapeRule, Simpler, Tensor, one,
};
use crate::ir::kernel::{Constant, ConstantData};
use crate::ir::{DType, Meta, Parameter, Shape, Slot};
use ndarray::{ArrayD, IxDyn};

/// Numbers copied into the plan.
#[derive(Debug)]
pub(crate) struct ConstantValues {
    values: Arc<[f32]>,
    shape: Shape,
    requires_grad: bool,
}

impl ConstantValues {
    fn new(values: ArrayD<f32>) -> Result<ConstantValues, Error> {
        let shape = Shape::new(values.shape())?;
        Ok(ConstantValues { values: values.iter().copied().collect(), shape, requires_grad: false })
    }

    fn variable(values: ArrayD<f32>) -> Result<ConstantValues, Error> {
        Ok(ConstantValues { requires_grad: true, ..ConstantValues::new(values)? })
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
        Lowered::kernel(Constant {
            output: call.output().value,
            data: ConstantData::F32(self.values.clone()),
        })
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
        Lowered::kernel(Constant { output: call.output().value, data: ConstantData::U8(self.labels.clone()) })
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
        let data = ConstantData::Fill(self.value, call.output().shape().elements());
        Lowered::kernel(Constant { output: call.output().value, data })
    }

    fn simplify(&self, _: &Known<'_>) -> Simpler {
        Simpler::Full(self.value)
    }
}

/// A view of a persistent slot: a parameter, what is kept for it, or a number of the step.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) slot: Slot,
    pub(crate) shape: Shape,
    pub(crate) trainable: bool,
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

    pub(crate) fn moment(i: usize, parameter: &Parameter) -> Variable {
        Variable { slot: Slot::Moment(i, parameter.id), shape: parameter.shape, trainable: false }
    }

    pub(crate) fn average(parameter: &Parameter) -> Variable {
        Variable { slot: Slot::Average(parameter.id), shape: parameter.shape, trainable: false }
    }

    pub(crate) fn scalar(slot: Slot) -> Variable {
        Variable { slot, shape: Shape::SCALAR, trainable: false }
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

impl Graph {
    /// A parameter, readable by every plan of a session. Asking again gives the same tensor, so a gradient by it counts
    /// every use.
    ///
    /// # Errors
    /// Only if the graph cannot hold another value.
    pub fn parameter(&self, parameter: &Parameter) -> Result<Tensor<'_>, Error> {
        let variable = || match self.reads_averages() && parameter.is_trained() {
            true => Variable::average(parameter),
            false => Variable::parameter(parameter),
        };
        self.parameter_once(parameter.id, || self.record(variable(), &[]))
    }

    /// A value copied into the plan, of which no gradient is asked.
    ///
    /// # Errors
    /// [`Error::Shape`] for impossible shapes.
    pub fn constant<D: ndarray::Dimension>(
        &self,
        values: ndarray::Array<f32, D>,
    ) -> Result<Tensor<'_>, Error> {
        self.record(ConstantValues::new(values.into_dyn())?, &[])
    }

    /// Like [`Graph::constant`], but a gradient may be asked of it.
    ///
    /// # Errors
    /// [`Error::Shape`] for impossible shapes.
    pub fn variable<D: ndarray::Dimension>(
        &self,
        values: ndarray::Array<f32, D>,
    ) -> Result<Tensor<'_>, Error> {
        self.record(ConstantValues::variable(values.into_dyn())?, &[])
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
impl Gradient for Wide {
    fn is_variable(&self) -> bool {
        true
    }
}

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
        let data = ConstantData::F32(self.values.iter().map(|&x| x as f32).collect());
        Lowered::kernel(Constant { output: call.output().value, data })
    }
}
