//! What an operation must know about itself, one trait for each reader of that knowledge: the recorder (shape rule), the
//! reverse walk (gradient), the oracle (meaning), the planner (lowering). One op lives in one file under `ops`.

use std::fmt;

use ndarray::ArrayD;

use super::Tensor;
use super::interpreter::Interpreter;
use crate::error::Error;
use crate::ir::{Kernel, Meta, Shape, Slot, Value};

/// A graph operation.
pub(crate) trait Op: ShapeRule + Gradient + Meaning + Lower {}

impl<O: ShapeRule + Gradient + Meaning + Lower> Op for O {}

/// What the result of an op looks like.
pub(crate) trait ShapeRule: fmt::Debug {
    /// The name users see in errors and plans.
    fn name(&self) -> &'static str;

    /// Shape and type of each result, or why these inputs do not fit.
    ///
    /// # Errors
    /// [`Error::Shapes`] or [`Error::Types`] for inputs the op does not take.
    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error>;
}

/// How a loss changes with an op's inputs.
pub(crate) trait Gradient: ShapeRule {
    /// For each input the gradient of the loss, given that of the results; `None` for inputs that need none. A gradient may
    /// have the result's broadcast shape: the walk sums it down to the input's.
    ///
    /// # Errors
    /// [`Error::NoGradient`] unless the op has a rule.
    fn gradient<'g>(&self, _node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Err(Error::NoGradient { op: self.name() })
    }

    /// Whether gradients may be asked of the results although the op has no inputs.
    fn is_variable(&self) -> bool {
        false
    }
}

/// What an op computes, naively and in f64: the oracle of every test.
pub(crate) trait Meaning {
    /// The results for these inputs.
    ///
    /// # Errors
    /// When the oracle lacks state or data the op reads.
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error>;
}

/// What an op becomes in a plan.
pub(crate) trait Lower {
    /// Kernels that compute the results, or where they lie already.
    fn lower(&self, call: &mut Call<'_>) -> Lowered;

    /// A simpler way to the same results, now that some inputs are known.
    fn simplify(&self, _call: &Known<'_>) -> Simpler {
        Simpler::No
    }

    /// The persistent slot the result is written to, if it is not a temporary.
    fn writes(&self) -> Option<Slot> {
        None
    }

    /// Whether the op changes persistent state and must run although nothing reads its result.
    fn has_effect(&self) -> bool {
        self.writes().is_some()
    }
}

/// One result, where there is just one.
pub(crate) fn one<T>(result: T) -> Result<Vec<T>, Error> {
    Ok(vec![result])
}

/// What a gradient rule sees: the node's inputs, its results, and the gradient of the loss by each result.
pub(crate) struct Backward<'g> {
    pub(crate) inputs: Vec<Tensor<'g>>,
    pub(crate) outputs: Vec<Tensor<'g>>,
    /// `None` for a result that does not influence the loss. At least one is there.
    pub(crate) gradients: Vec<Option<Tensor<'g>>>,
    pub(crate) wanted: Vec<bool>,
}

impl<'g> Backward<'g> {
    /// The result of an op that has one.
    pub(crate) fn output(&self) -> Tensor<'g> {
        self.outputs[0]
    }

    /// The gradient by the result of an op that has one.
    pub(crate) fn dy(&self) -> Tensor<'g> {
        self.gradients[0].expect("a node is visited if the loss depends on a result, and this has one")
    }

    /// Records `rule` for input `i` only if somebody wants that gradient.
    pub(crate) fn when_wanted(
        &self,
        i: usize,
        rule: impl FnOnce() -> Result<Tensor<'g>, Error>,
    ) -> Result<Option<Tensor<'g>>, Error> {
        if self.wanted[i] { rule().map(Some) } else { Ok(None) }
    }
}

/// What is known of a node's inputs and results before the plan is made.
pub(crate) struct Known<'a> {
    /// The inputs.
    pub(crate) inputs: &'a [KnownInput],
    /// The results.
    pub(crate) outputs: &'a [Meta],
}

/// What is known of an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownInput {
    pub(crate) meta: Meta,
    /// The number in every element, if that is known.
    pub(crate) full: Option<f32>,
}

/// A simpler way to the one result of a node.
pub(crate) enum Simpler {
    /// There is none.
    No,
    /// The result is this input.
    Input(usize),
    /// The result has this number in every element.
    Full(f32),
    /// The result is another op applied to one of the inputs.
    Unary(Box<dyn Op>, usize),
}

/// One operand of a kernel to be made: where its value will live, and its shape and type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub(crate) value: Value,
    pub(crate) meta: Meta,
    /// The number in every element, if that is known.
    pub(crate) full: Option<f32>,
}

impl Operand {
    pub(crate) fn shape(&self) -> Shape {
        self.meta.shape
    }
}

/// An op about to become kernels.
pub(crate) struct Call<'a> {
    pub(crate) inputs: Vec<Operand>,
    pub(crate) outputs: Vec<Operand>,
    /// The session's step block (learning rate, step number, seed).
    pub(crate) step_block: Value,
    /// The session's metric sums.
    pub(crate) metrics: Value,
    /// The moments kept for the parameter that the op writes.
    pub(crate) moments: Vec<Value>,
    /// Makes a temporary.
    pub(crate) temporary: &'a mut dyn FnMut(Meta) -> Value,
}

impl Call<'_> {
    /// The result of an op that has one.
    pub(crate) fn output(&self) -> Operand {
        self.outputs[0]
    }
}

/// What an op becomes in a plan.
#[derive(Debug)]
pub(crate) enum Lowered {
    /// Kernels that write the results, in order.
    Kernels(Vec<Kernel>),
    /// The same bytes as input 0 (a reshape).
    Alias,
    /// A place in the session's persistent memory.
    Slot(Slot),
}

impl Lowered {
    /// One kernel.
    pub(crate) fn kernel(kernel: impl Into<Kernel>) -> Lowered {
        Lowered::Kernels(vec![kernel.into()])
    }
}
