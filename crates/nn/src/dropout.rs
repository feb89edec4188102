//! Dropout: in training, units are zeroed at random and the others scaled up.

use plangrad_tensor::{Graph, Tensor};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Error, Mode, Weights};

/// Dropout of units ([`Tensor::dropout`]) in training; nothing in evaluation.
///
/// ```
/// use plangrad_nn::{Dropout, Error, Weights};
///
/// let mut weights = Weights::new();
/// let (one, other) = (Dropout::new(&mut weights, 0.2)?, Dropout::new(&mut weights, 0.2)?);
/// assert_ne!(one, other, "each has masks of its own");
/// assert!(matches!(Dropout::new(&mut weights, 1.0), Err(Error::DropoutRate { .. })));
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    rate: f32,
    number: u32,
}

impl Dropout {
    /// A layer that drops each unit with probability `rate`, with masks other than those of the network's other layers.
    ///
    /// # Errors
    /// [`Error::DropoutRate`] for a rate outside `0.0..1.0`.
    pub fn new(weights: &mut Weights, rate: f32) -> Result<Dropout, Error> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::DropoutRate { rate });
        }
        Ok(Dropout { rate, number: weights.next_dropout() })
    }
}

impl Block for Dropout {
    fn record<'g>(&self, _: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        match (mode, x.dims().len()) {
            (Mode::Train, 2) => Ok(x.dropout(self.rate, self.number)?),
            (Mode::Train, _) => Ok(x.flatten(1)?.dropout(self.rate, self.number)?.reshape(x.dims())?),
            _ => Ok(x),
        }
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        vec![Layer::new("Dropout", input, 0)]
    }
}
