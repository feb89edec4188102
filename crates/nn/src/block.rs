//! A part of a network: one layer, or several composed.
//!
//! A [`crate::Module`] is a whole network with its weights; a block is what one is built of. Blocks hold
//! [`plangrad_tensor::Parameter`]s that they declared in the network's [`crate::Weights`], and no numbers.

use std::fmt;

use plangrad_tensor::{Graph, Tensor};

use crate::layer::Layer;
use crate::{Error, Mode};

/// A part of a network, such as [`crate::Linear`], [`crate::BatchNorm`] or [`crate::Sequential`]: what it records, and what a
/// summary says about it.
///
/// ```
/// use plangrad_nn::summary::Layer;
/// use plangrad_nn::{Block, Error, Linear, Mode, Sequential, Weights};
/// use plangrad_tensor::{Graph, Tensor};
///
/// /// y = x²
/// #[derive(Debug)]
/// struct Square;
///
/// impl Block for Square {
///     fn record<'g>(&self, _: &'g Graph, x: Tensor<'g>, _: Mode) -> Result<Tensor<'g>, Error> {
///         Ok(x.mul(x)?)
///     }
///
///     fn layers(&self, input: &[usize]) -> Vec<Layer> {
///         vec![Layer::new("Square", input, 0)]
///     }
/// }
///
/// let mut weights = Weights::new();
/// let hidden = Linear::new(&mut weights, "hidden", 4, 8)?;
/// let body = Sequential::new().with(hidden).with(Square);
/// assert_eq!(body.output_shape(&[4]), [8]);
/// # Ok::<(), Error>(())
/// ```
pub trait Block: fmt::Debug + Send + Sync {
    /// Records it applied to `x`, whose first dimension is the batch.
    ///
    /// # Errors
    /// If an operation refuses its operands; [`Error::module`] makes one of an error of your own.
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error>;

    /// Its layers in the order of computation, for a sample of shape `input`; the last one has the shape of the result.
    fn layers(&self, input: &[usize]) -> Vec<Layer>;

    /// Shape of its result, for a sample of shape `input`.
    fn output_shape(&self, input: &[usize]) -> Vec<usize> {
        self.layers(input).pop().map_or_else(|| input.to_vec(), |last| last.output_shape)
    }
}
