//! What an operation knows about itself apart from its gradient, one trait for each reader of that knowledge: the recorder
//! (shape rule), the oracle (meaning), the planner (lowering). One op lives in one file under `ops`.

use std::fmt;

use ndarray::ArrayD;

use super::interpreter::Interpreter;
use crate::error::Error;
use crate::ir::{Clock, Kernel, Meta, Rule, Shape, Slot, Value};

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

    /// Whether the results are sums over many numbers, counts of them, or what a loss compares with: these a plan does not round
    /// as it does what is summed.
    fn is_exact(&self) -> bool {
        false
    }

    /// The persistent slot the result is written to, if it is not a temporary.
    fn writes(&self) -> Option<Slot> {
        None
    }

    /// Whose step block it reads or advances.
    fn clock(&self) -> Clock {
        Clock::STEP
    }

    /// The rule that it follows, which must be the state's for its [`Lower::clock`].
    fn rule(&self) -> Option<&Rule> {
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
    /// The result is an input times a number.
    Scaled {
        /// Which input.
        input: usize,
        /// The number.
        by: f32,
    },
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
    /// The step block of the op's clock (learning rate, step number, seed).
    pub(crate) step_block: Value,
    /// The session's metric sums.
    pub(crate) metrics: Value,
    /// The moments kept for the parameter that the op writes; for its average, the parameter.
    pub(crate) kept: Vec<Value>,
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
