//! The elementwise formulas: of kernels that compute nothing else, and of what is done to a product before it is stored.

use super::cpp::shared;
use crate::ir::kernel::MapOp;

shared! {
    /// The formulas, by the names they have in plans.
    enum Formula {
        Add,
        Sub,
        Mul,
        Div,
        Affine,
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
    }
}

impl Formula {
    /// A plan's formula, with its factor and summand.
    pub(super) fn of(op: MapOp) -> (Formula, [f32; 2]) {
        let formula = match op {
            MapOp::Add => Formula::Add,
            MapOp::Sub => Formula::Sub,
            MapOp::Mul => Formula::Mul,
            MapOp::Div => Formula::Div,
            MapOp::Affine { scale, shift } => return (Formula::Affine, [scale, shift]),
            MapOp::Exp => Formula::Exp,
            MapOp::Ln => Formula::Ln,
            MapOp::Sqrt => Formula::Sqrt,
            MapOp::Relu => Formula::Relu,
            MapOp::ReluGrad => Formula::ReluGrad,
            MapOp::Tanh => Formula::Tanh,
            MapOp::TanhGrad => Formula::TanhGrad,
            MapOp::Sigmoid => Formula::Sigmoid,
            MapOp::SigmoidGrad => Formula::SigmoidGrad,
            MapOp::Gelu => Formula::Gelu,
            MapOp::GeluGrad => Formula::GeluGrad,
        };
        (formula, [0.0; 2])
    }
}
