//! An elementwise formula over broadcast operands.

use std::fmt;

use super::describe::{Content, Describe, InPlace, Visit};
use crate::ir::{Access, MAX_RANK, Shape, Value};

/// output\[i\] = op(x\[i\], y\[i\])
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    pub(crate) op: MapOp,
    /// The operands; of a formula of one, it twice.
    pub(crate) inputs: [MapInput; 2],
    pub(crate) arity: usize,
    pub(crate) output: Value,
    pub(crate) shape: Shape,
}

/// An operand and its element stride in each dimension of the output, 0 where it is stretched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MapInput {
    pub(crate) value: Value,
    pub(crate) strides: [usize; MAX_RANK],
}

impl MapInput {
    /// An operand of shape `from`, stretched to `to`.
    pub(crate) fn stretched(value: Value, from: Shape, to: Shape) -> MapInput {
        MapInput { value, strides: from.broadcast_strides(&to) }
    }

    /// Elements from its first to its last for a result of this shape; none if that is empty.
    fn elements(&self, shape: &Shape) -> usize {
        let steps = shape.dims().iter().zip(self.strides);
        let last: usize = steps.map(|(&dim, stride)| dim.saturating_sub(1) * stride).sum();
        if shape.elements() == 0 { 0 } else { last + 1 }
    }
}

/// The elementwise formulas. `x`, `y`: first and second operand.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // the formulas stand with the ops of the same names
pub(crate) enum MapOp {
    Add,
    Sub,
    Mul,
    Div,
    Affine {
        scale: f32,
        shift: f32,
    },
    Exp,
    Ln,
    Sqrt,
    Relu,
    ReluGrad,
    Tanh,
    TanhGrad,
    Sigmoid,
    SigmoidGrad,
    Gelu,
    GeluGrad,
    Abs,
    Sign,
    Clamp {
        min: f32,
        max: f32,
    },
    /// x where min ≤ y ≤ max, else 0.
    Within {
        min: f32,
        max: f32,
    },
    Pow {
        exponent: f32,
    },
    Maximum,
    Minimum,
    /// The part of a gradient that x gets as the larger of x and y: 1, a half where they are equal, 0.
    LargerShare,
    Greater,
    GreaterEqual,
    Equal,
    /// x where y is not 0, else 0.
    Where,
    /// x where y is 0, else 0.
    WhereNot,
}

impl MapOp {
    /// What it makes, for people.
    pub(crate) fn result(self) -> &'static str {
        match self {
            MapOp::Add => "sum",
            MapOp::Sub => "difference",
            MapOp::Mul => "elementwise product",
            MapOp::Div => "quotient",
            MapOp::Affine { .. } => "scaled",
            MapOp::Exp => "exp",
            MapOp::Ln => "ln",
            MapOp::Sqrt => "square root",
            MapOp::Relu => "relu",
            MapOp::ReluGrad => "gradient through relu",
            MapOp::Tanh => "tanh",
            MapOp::TanhGrad => "gradient through tanh",
            MapOp::Sigmoid => "sigmoid",
            MapOp::SigmoidGrad => "gradient through sigmoid",
            MapOp::Gelu => "gelu",
            MapOp::GeluGrad => "gradient through gelu",
            MapOp::Abs => "absolute value",
            MapOp::Sign => "sign",
            MapOp::Clamp { .. } => "clamped",
            MapOp::Within { .. } => "gradient through clamp",
            MapOp::Pow { .. } => "power",
            MapOp::Maximum => "larger",
            MapOp::Minimum => "smaller",
            MapOp::LargerShare => "share of the larger",
            MapOp::Greater | MapOp::GreaterEqual | MapOp::Equal => "comparison",
            MapOp::Where => "kept where true",
            MapOp::WhereNot => "kept where false",
        }
    }

    /// Whether it can be an epilogue of a product. The large tiles of a GPU have registers left for these formulas and no more.
    pub(crate) fn finishes_products(self) -> bool {
        match self {
            MapOp::Add | MapOp::Sub | MapOp::Mul | MapOp::Div | MapOp::Affine { .. } => true,
            MapOp::Exp | MapOp::Ln | MapOp::Sqrt => true,
            MapOp::Relu | MapOp::Tanh | MapOp::Sigmoid | MapOp::Gelu => true,
            MapOp::ReluGrad | MapOp::TanhGrad | MapOp::SigmoidGrad | MapOp::GeluGrad => true,
            MapOp::Abs | MapOp::Sign | MapOp::Clamp { .. } | MapOp::Within { .. } | MapOp::Pow { .. } => {
                false
            }
            MapOp::Maximum | MapOp::Minimum | MapOp::LargerShare => false,
            MapOp::Greater | MapOp::GreaterEqual | MapOp::Equal | MapOp::Where | MapOp::WhereNot => false,
        }
    }

    /// Its name in the epilogue of a product.
    pub(super) fn epilogue(self) -> &'static str {
        match self {
            MapOp::ReluGrad => "relu mask",
            MapOp::Add => "residual",
            other => other.result(),
        }
    }
}

impl Describe for Map {
    fn operands(&mut self, visit: Visit<'_>) {
        let shape = self.shape;
        for input in &mut self.inputs[..self.arity] {
            let elements = input.elements(&shape);
            visit(Access::Read, &mut input.value, elements);
        }
        visit(Access::Write, &mut self.output, shape.elements());
    }

    fn result(&self, _: Value) -> Content {
        // A single number has one place.
        let dims = if self.shape.rank() == 0 { &[1] } else { self.shape.dims() };
        Content::new(self.op.result(), dims)
    }

    fn in_place(&self) -> Vec<InPlace> {
        let operands = &self.inputs[..self.arity];
        let whole = self.shape.broadcast_strides(&self.shape);
        // One that is stretched as well is read at other places too.
        let lies_alike = |operand: &MapInput| {
            operands.iter().all(|other| other.value != operand.value || other.strides == whole)
        };
        let operands = operands.iter().filter(|operand| lies_alike(operand));
        operands.map(|operand| InPlace { operand: operand.value, result: self.output }).collect()
    }
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.op, self.shape)
    }
}
