//! The elementwise formulas: of kernels that compute nothing else, and of what is done to a product before it is stored.

use super::shared::shared;
use crate::ir::kernel::MapOp;

shared! {
    /// The formulas, by the names they have in plans: first those that products are finished with.
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
        Abs,
        Sign,
        Clamp,
        Within,
        Pow,
        Maximum,
        Minimum,
        LargerShare,
        Greater,
        GreaterEqual,
        Equal,
        Where,
        WhereNot,
    }
}

impl Formula {
    /// A plan's formula, with its two numbers: factor and summand, smallest and largest, or an exponent.
    pub(crate) fn of(op: MapOp) -> (Formula, [f32; 2]) {
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
            MapOp::Abs => Formula::Abs,
            MapOp::Sign => Formula::Sign,
            MapOp::Clamp { min, max } => return (Formula::Clamp, [min, max]),
            MapOp::Within { min, max } => return (Formula::Within, [min, max]),
            MapOp::Pow { exponent } => return (Formula::Pow, [exponent, 0.0]),
            MapOp::Maximum => Formula::Maximum,
            MapOp::Minimum => Formula::Minimum,
            MapOp::LargerShare => Formula::LargerShare,
            MapOp::Greater => Formula::Greater,
            MapOp::GreaterEqual => Formula::GreaterEqual,
            MapOp::Equal => Formula::Equal,
            MapOp::Where => Formula::Where,
            MapOp::WhereNot => Formula::WhereNot,
        };
        (formula, [0.0; 2])
    }
}
