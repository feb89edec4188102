//! What a value is: shape and element type. How it lies in memory is its [`Layout`](super::Layout).

use super::{DType, Shape};

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

    /// Bytes of a value that lies row-major.
    pub(crate) fn bytes(&self) -> usize {
        self.shape.elements() * self.dtype.size()
    }
}
