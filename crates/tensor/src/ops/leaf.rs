//! Values that come from outside the graph: constants, fills, parameters and their gradients.

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};

use crate::backend::reference::Interpreter;
use crate::graph::{Call, Lowered, Meta, Op};
use crate::plan::{Data, Kernel, Slot};
use crate::{DType, Error, Parameter, ParameterId, Shape};

/// Numbers copied into the plan.
#[derive(Debug)]
pub(crate) struct Constant {
    values: Arc<[f32]>,
    shape: Shape,
    requires_grad: bool,
}

impl Constant {
    pub(crate) fn new(values: ArrayD<f32>, requires_grad: bool) -> Result<Constant, Error> {
        let shape = Shape::new(values.shape())?;
        Ok(Constant { values: values.iter().copied().collect(), shape, requires_grad })
    }
}

impl Op for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }
    fn output(&self, _: &[Meta]) -> Result<Meta, Error> {
        Ok(Meta::f32(self.shape))
    }
    fn reference(&self, _: &[&ArrayD<f64>], _: Shape, _: &mut Interpreter) -> Result<ArrayD<f64>, Error> {
        let values = self.values.iter().map(|&x| f64::from(x)).collect();
        Ok(ArrayD::from_shape_vec(IxDyn(self.shape.dims()), values)
            .expect("the shape was taken from these values"))
    }
    fn lower(&self, call: &Call) -> Lowered {
        Lowered::Kernel(Kernel::Constant { output: call.output.value, data: Data::F32(self.values.clone()) })
    }
    fn is_trainable_leaf(&self) -> bool {
        self.requires_grad
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

impl Op for ConstantLabels {
    fn name(&self) -> &'static str {
        "labels"
    }
    fn output(&self, _: &[Meta]) -> Result<Meta, Error> {
        Ok(Meta { shape: self.shape, dtype: DType::U8 })
    }
    fn reference(&self, _: &[&ArrayD<f64>], _: Shape, _: &mut Interpreter) -> Result<ArrayD<f64>, Error> {
        Ok(self.labels.iter().map(|&x| f64::from(x)).collect::<ndarray::Array1<f64>>().into_dyn())
    }
    fn lower(&self, call: &Call) -> Lowered {
        Lowered::Kernel(Kernel::Constant { output: call.output.value, data: Data::U8(self.labels.clone()) })
    }
}

/// One number in every element. Ops fold it into their kernel where they can.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) value: f32,
    pub(crate) shape: Shape,
}

impl Op for Full {
    fn name(&self) -> &'static str {
        "full"
    }
    fn output(&self, _: &[Meta]) -> Result<Meta, Error> {
        Ok(Meta::f32(self.shape))
    }
    fn reference(&self, _: &[&ArrayD<f64>], shape: Shape, _: &mut Interpreter) -> Result<ArrayD<f64>, Error> {
        Ok(ArrayD::from_elem(IxDyn(shape.dims()), f64::from(self.value)))
    }
    fn lower(&self, call: &Call) -> Lowered {
        let data = Data::Fill(self.value, call.output.shape().elements());
        Lowered::Kernel(Kernel::Constant { output: call.output.value, data })
    }
    fn as_full(&self) -> Option<f32> {
        Some(self.value)
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
        Variable { slot: Slot::Parameter(parameter.id), shape: parameter.shape, trainable: true }
    }
    pub(crate) fn gradient(parameter: &Parameter) -> Variable {
        Variable { slot: Slot::Gradient(parameter.id), shape: parameter.shape, trainable: false }
    }
}

impl Op for Variable {
    fn name(&self) -> &'static str {
        "parameter"
    }
    fn output(&self, _: &[Meta]) -> Result<Meta, Error> {
        Ok(Meta::f32(self.shape))
    }
    fn reference(
        &self,
        _: &[&ArrayD<f64>],
        shape: Shape,
        machine: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error> {
        machine.slot(self.slot, shape)
    }
    fn lower(&self, _: &Call) -> Lowered {
        Lowered::Slot(self.slot)
    }
    fn is_trainable_leaf(&self) -> bool {
        self.trainable
    }
}

/// Puts a gradient into the slot kept for it, so that an optimizer finds all of them contiguous; or adds it to what is
/// there, when a batch comes in parts.
#[derive(Debug)]
pub(crate) struct StoreGradient {
    pub(crate) parameter: ParameterId,
    pub(crate) accumulate: bool,
}

impl Op for StoreGradient {
    fn name(&self) -> &'static str {
        "store_gradient"
    }
    fn output(&self, inputs: &[Meta]) -> Result<Meta, Error> {
        inputs[0].expect(DType::F32, self.name())?;
        Ok(inputs[0])
    }
    fn reference(
        &self,
        inputs: &[&ArrayD<f64>],
        shape: Shape,
        machine: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error> {
        let slot = Slot::Gradient(self.parameter);
        let gradient =
            if self.accumulate { machine.slot(slot, shape)? + inputs[0] } else { inputs[0].clone() };
        machine.store(slot, gradient.clone());
        Ok(gradient)
    }
    fn lower(&self, call: &Call) -> Lowered {
        let (input, output, bytes) = (call.inputs[0].value, call.output.value, call.output.meta.bytes());
        Lowered::Kernel(match self.accumulate {
            true => Kernel::Accumulate { input, output, elements: bytes / 4 },
            false => Kernel::Copy { input, output, bytes },
        })
    }
    fn persistent_output(&self) -> Option<Slot> {
        Some(Slot::Gradient(self.parameter))
    }
    fn has_effect(&self) -> bool {
        true
    }
}

/// Numbers in f64 for finite differences, which f32 could not resolve. Known to the reference only.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Wide {
    pub(crate) values: ArrayD<f64>,
}

#[cfg(test)]
impl Op for Wide {
    fn name(&self) -> &'static str {
        "wide"
    }
    fn output(&self, _: &[Meta]) -> Result<Meta, Error> {
        Ok(Meta::f32(Shape::new(self.values.shape())?))
    }
    fn reference(&self, _: &[&ArrayD<f64>], _: Shape, _: &mut Interpreter) -> Result<ArrayD<f64>, Error> {
        Ok(self.values.clone())
    }
    fn lower(&self, call: &Call) -> Lowered {
        let data = Data::F32(self.values.iter().map(|&x| x as f32).collect());
        Lowered::Kernel(Kernel::Constant { output: call.output.value, data })
    }
}
