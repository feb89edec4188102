//! Samples of any shape as rows.

use plangrad_tensor::{Graph, Tensor};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Error, Mode};

/// From `[batch, …]` to `[batch, units]`, PyTorch's `Flatten`.
///
/// ```
/// use plangrad_nn::{Block, Flatten};
///
/// assert_eq!(Flatten.output_shape(&[1, 28, 28]), [784]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flatten;

impl Block for Flatten {
    fn record<'g>(&self, _: &'g Graph, x: Tensor<'g>, _: Mode) -> Result<Tensor<'g>, Error> {
        Ok(x.flatten(1)?)
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        vec![Layer::new("Flatten", &[input.iter().product()], 0)]
    }
}
