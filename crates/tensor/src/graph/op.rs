//! What an operation must know about itself: shape rule, gradient rule, meaning in f64, and the kernel that runs it.

use std::fmt;

use ndarray::ArrayD;

use super::Tensor;
use crate::backend::reference::Interpreter;
use crate::plan::{Kernel, Slot, Value};
use crate::{DType, Error, Shape};

/// Shape and element type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Dimensions.
    pub(crate) shape: Shape,
    /// Element type.
    pub(crate) dtype: DType,
}

impl Meta {
    pub(crate) fn f32(shape: Shape) -> Meta {
        Meta { shape, dtype: DType::F32 }
    }

    /// Size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.shape.elements() * self.dtype.size()
    }

    pub(crate) fn expect(&self, dtype: DType, op: &'static str) -> Result<(), Error> {
        if self.dtype == dtype {
            Ok(())
        } else {
            Err(Error::Types { op, expected: dtype, found: self.dtype })
        }
    }
}

/// A graph operation. One op lives in one file under [`crate::ops`] with everything there is to know about it.
pub(crate) trait Op: fmt::Debug {
    /// The name users see in errors and plans.
    fn name(&self) -> &'static str;

    /// The shape rule: shape and type of the result, or why these inputs do not fit.
    ///
    /// # Errors
    /// [`Error::Shapes`] or [`Error::Types`] for inputs the op does not take.
    fn output(&self, inputs: &[Meta]) -> Result<Meta, Error>;

    /// The gradient rule: for each input the gradient of the loss, given that of the output; `None` for inputs that
    /// need none. A result may have the output's broadcast shape: the walk sums it down to the input's.
    ///
    /// # Errors
    /// [`Error::NoGradient`] unless the op has a rule.
    fn gradient<'g>(&self, _node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Err(Error::NoGradient { op: self.name() })
    }

    /// The op's meaning, computed naively in f64: the oracle of every test.
    ///
    /// # Errors
    /// When the interpreter lacks state or data the op reads.
    fn reference(
        &self,
        inputs: &[&ArrayD<f64>],
        output: Shape,
        machine: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error>;

    /// The kernel that computes the op, an alias of its first input, or a persistent slot.
    fn lower(&self, call: &Call) -> Lowered;

    /// The value in every element, for constants known while recording.
    fn as_full(&self) -> Option<f32> {
        None
    }

    /// Whether gradients start to be tracked here.
    fn is_trainable_leaf(&self) -> bool {
        false
    }

    /// The persistent slot the result is written to, if it is not a temporary.
    fn persistent_output(&self) -> Option<Slot> {
        None
    }

    /// Whether the op changes persistent state and must run although nothing reads its result.
    fn has_effect(&self) -> bool {
        false
    }
}

/// What a gradient rule sees: the node's inputs, its output, and the gradient of the loss by that output.
pub(crate) struct Backward<'g> {
    pub(crate) inputs: Vec<Tensor<'g>>,
    pub(crate) output: Tensor<'g>,
    pub(crate) dy: Tensor<'g>,
    pub(crate) wanted: Vec<bool>,
}

impl<'g> Backward<'g> {
    /// Records `rule` for input `i` only if somebody wants that gradient.
    pub(crate) fn when_wanted(
        &self,
        i: usize,
        rule: impl FnOnce() -> Result<Tensor<'g>, Error>,
    ) -> Result<Option<Tensor<'g>>, Error> {
        if self.wanted[i] { rule().map(Some) } else { Ok(None) }
    }
}

/// One operand of a kernel to be made: where its value will live, and its shape and type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub(crate) value: Value,
    pub(crate) meta: Meta,
    /// The number it holds in every element, if known.
    pub(crate) full: Option<f32>,
}

impl Operand {
    pub(crate) fn shape(&self) -> Shape {
        self.meta.shape
    }
}

/// An op about to become a kernel.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) inputs: Vec<Operand>,
    pub(crate) output: Operand,
    /// The session's step block (learning rate, step number, seed).
    pub(crate) step_block: Value,
    /// The session's metric sums.
    pub(crate) metrics: Value,
}

/// What an op becomes in a plan.
#[derive(Debug)]
pub(crate) enum Lowered {
    /// A kernel that writes the output.
    Kernel(Kernel),
    /// The same bytes as input 0 (a reshape).
    Alias,
    /// A place in the session's persistent memory.
    Slot(Slot),
}
