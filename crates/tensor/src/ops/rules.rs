//! Checks that many shape rules share.

use crate::error::Error;
use crate::ir::{DType, Meta, Shape};

/// Refuses an operand of another element type.
pub(crate) fn expect(meta: &Meta, dtype: DType, op: &'static str) -> Result<(), Error> {
    match meta.dtype == dtype {
        true => Ok(()),
        false => Err(Error::Types { op, expected: dtype, found: meta.dtype }),
    }
}

/// Rows and columns of a matrix.
pub(crate) fn matrix(shape: &Shape, op: &'static str) -> Result<(usize, usize), Error> {
    shape.matrix().ok_or_else(|| Error::shapes(op, "a matrix (rank 2)", &[*shape]))
}

/// The shape both operands are stretched to.
pub(crate) fn broadcast(a: Shape, b: Shape, op: &'static str) -> Result<Shape, Error> {
    a.broadcast(b)?.ok_or_else(|| Error::shapes(op, "shapes that broadcast", &[a, b]))
}
