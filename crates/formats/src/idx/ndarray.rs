//! IDX data as `ndarray` arrays and back, in the file's own element type; converting numbers is up to the caller.

use ndarray::{ArrayBase, ArrayD, ArrayViewD, Data, Dimension, IxDyn};

use super::{Element, Header, Idx, IdxBuf};
use crate::{Error, Result};

impl<'a> Idx<'a> {
    /// The elements of a `u8` file as an array, without copying.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`].
    pub fn as_array(&self) -> Result<ArrayViewD<'a, u8>> {
        let elements = self.as_u8()?;
        ArrayViewD::from_shape(IxDyn(self.dims()), elements)
            .map_err(|_| mismatch(self.header(), elements.len()))
    }

    /// The elements as an array of the file's own type: `idx.to_array::<f32>()`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`].
    pub fn to_array<T: Element>(&self) -> Result<ArrayD<T>> {
        into_array(self.header(), self.to_vec()?)
    }
}

impl IdxBuf {
    /// The elements as an array of the file's own type: `idx.to_array::<f32>()`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`].
    pub fn to_array<T: Element>(&self) -> Result<ArrayD<T>> {
        into_array(self.header(), self.to_vec()?)
    }

    /// The elements of a `u8` file as an array, without copying.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`].
    pub fn into_array(self) -> Result<ArrayD<u8>> {
        let header = self.header().clone();
        into_array(&header, self.into_u8()?)
    }

    /// Builds IDX data from an array of any memory layout, in logical order.
    ///
    /// # Errors
    ///
    /// Those of [`Header::new`].
    pub fn from_array<T, S, D>(array: &ArrayBase<S, D>) -> Result<Self>
    where
        T: Element,
        S: Data<Elem = T>,
        D: Dimension,
    {
        match array.as_slice() {
            Some(elements) => Self::from_elements(array.shape(), elements),
            None => Self::from_elements(array.shape(), &array.iter().copied().collect::<Vec<T>>()),
        }
    }
}

fn into_array<T: Element>(header: &Header, elements: Vec<T>) -> Result<ArrayD<T>> {
    let found = elements.len();
    ArrayD::from_shape_vec(IxDyn(header.dims()), elements).map_err(|_| mismatch(header, found))
}

fn mismatch(header: &Header, found: usize) -> Error {
    Error::ShapeMismatch { dims: header.dims().to_vec(), expected: header.element_count(), found }
}
