//! Shapes: a few dimensions, row-major and contiguous, `Copy` so that a tensor handle is too.
//!
//! There are no strides here on purpose: a view that is not contiguous does not exist, a transpose is a flag of
//! `matmul`, and broadcasting is a rule of the op that does it.

use std::fmt;

/// Most dimensions a shape can have.
pub const MAX_RANK: usize = 6;

/// Why dimensions make no shape.
///
/// Example: [`Shape`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// More dimensions than [`MAX_RANK`].
    #[error("a shape has {rank} dimensions, at most {max} are possible")]
    Rank {
        /// Dimensions asked for.
        rank: usize,
        /// Dimensions possible.
        max: usize,
    },
    /// The size in bytes overflows.
    #[error("an array of shape {dims:?} is larger than the address space")]
    TooLarge {
        /// The dimensions.
        dims: Vec<usize>,
    },
}

/// Dimensions of a row-major, contiguous array; rank 0 is a scalar.
///
/// ```
/// use plangrad_tensor::Shape;
///
/// let shape = Shape::new(&[64, 1, 28, 28])?;
/// assert_eq!((shape.rank(), shape.elements()), (4, 50_176));
/// assert_eq!(shape.to_string(), "[64, 1, 28, 28]");
/// assert!(Shape::new(&[usize::MAX, 2]).is_err());
/// # Ok::<(), plangrad_tensor::ShapeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The shape of a single number.
    pub const SCALAR: Shape = Shape { dims: [0; MAX_RANK], rank: 0 };

    /// A shape from its dimensions.
    ///
    /// # Errors
    /// [`ShapeError::Rank`] for more than [`MAX_RANK`] dimensions, [`ShapeError::TooLarge`] if the bytes of an `f32` array of this
    /// shape cannot be counted in an `isize`.
    pub fn new(dims: &[usize]) -> Result<Shape, ShapeError> {
        if dims.len() > MAX_RANK {
            return Err(ShapeError::Rank { rank: dims.len(), max: MAX_RANK });
        }
        // Empty dimensions count as 1, so that no product of some of the others overflows either.
        let elements = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1)));
        if elements.is_none_or(|n| n > isize::MAX as usize / 8) {
            return Err(ShapeError::TooLarge { dims: dims.to_vec() });
        }
        let mut shape = Shape { dims: [0; MAX_RANK], rank: dims.len() };
        shape.dims[..dims.len()].copy_from_slice(dims);
        Ok(shape)
    }

    /// The dimensions, outermost first.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// Number of dimensions.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of elements; 1 for a scalar, 0 if any dimension is 0.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.dims().iter().product()
    }

    /// Rows and columns of a matrix.
    pub(crate) fn matrix(&self) -> Option<(usize, usize)> {
        match *self.dims() {
            [rows, columns] => Some((rows, columns)),
            _ => None,
        }
    }

    /// Size of the last dimension (1 for a scalar) and the number of such rows.
    pub(crate) fn rows(&self) -> (usize, usize) {
        match self.dims().split_last() {
            Some((&last, outer)) => (outer.iter().product(), last),
            None => (1, 1),
        }
    }

    /// The shape both operands are stretched to, by NumPy's rule: align the last dimensions; each pair is equal or
    /// one of the two is 1.
    pub(crate) fn broadcast(self, other: Shape) -> Result<Option<Shape>, ShapeError> {
        let rank = self.rank.max(other.rank);
        let mut dims = [0; MAX_RANK];
        for (i, dim) in dims[..rank].iter_mut().enumerate() {
            *dim = match (self.aligned(i, rank), other.aligned(i, rank)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return Ok(None),
            };
        }
        Shape::new(&dims[..rank]).map(Some)
    }

    /// Dimension `i` of this shape once it is left-padded with ones to `rank`.
    fn aligned(&self, i: usize, rank: usize) -> usize {
        (i + self.rank).checked_sub(rank).map_or(1, |j| self.dims[j])
    }

    /// Element strides of this operand when it is broadcast to `target`: 0 where it is stretched or has no such
    /// dimension. A dimension that is 1 in both has a stride too, so that an operand of the target's shape looks the
    /// same for batches of one sample as for larger ones.
    pub(crate) fn broadcast_strides(&self, target: &Shape) -> [usize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut step = 1;
        for (dim, i) in self.dims().iter().zip(target.rank - self.rank..target.rank).rev() {
            if *dim == target.dims[i] {
                strides[i] = step;
            }
            step *= dim;
        }
        strides
    }
}

impl TryFrom<&[usize]> for Shape {
    type Error = ShapeError;
    fn try_from(dims: &[usize]) -> Result<Shape, ShapeError> {
        Shape::new(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims).unwrap()
    }

    #[test]
    fn a_scalar_has_one_element_and_an_empty_dimension_none() {
        assert_eq!(Shape::SCALAR.elements(), 1);
        assert_eq!(shape(&[3, 0, 2]).elements(), 0);
    }

    #[test]
    fn broadcasting_follows_numpy() {
        let both =
            |a: &[usize], b: &[usize]| shape(a).broadcast(shape(b)).unwrap().map(|s| s.dims().to_vec());
        assert_eq!(both(&[4, 3], &[3]).unwrap(), [4, 3]);
        assert_eq!(both(&[4, 1], &[1, 5]).unwrap(), [4, 5]);
        assert_eq!(both(&[0, 3], &[1, 3]).unwrap(), [0, 3]);
        assert_eq!(both(&[], &[2]).unwrap(), [2]);
        assert_eq!(both(&[4, 3], &[4]), None);
    }

    #[test]
    fn stretched_dimensions_have_stride_zero() {
        let strides = shape(&[4, 1]).broadcast_strides(&shape(&[2, 4, 3]));
        assert_eq!(strides[..3], [0, 1, 0]);
    }

    #[test]
    fn shapes_whose_bytes_cannot_be_counted_are_refused() {
        assert!(matches!(Shape::new(&[usize::MAX, 2]), Err(ShapeError::TooLarge { .. })));
        assert!(matches!(Shape::new(&[1; 7]), Err(ShapeError::Rank { rank: 7, max: 6 })));
    }
}
