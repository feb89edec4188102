//! Numbers as rows of a table that is learnt.

use plangrad_tensor::{Graph, Parameter, Tensor};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Error, Initial, Mode, Weights};

/// For each number of a sample its row of a table, PyTorch's `Embedding`: from `[batch, …]` to `[batch, …, width]`. Numbers are
/// whole ones from 0 up, f32 or u8; one that names no row gives NaN.
///
/// ```
/// use plangrad_nn::{Block, Embedding, Weights};
///
/// let mut weights = Weights::new();
/// let words = Embedding::new(&mut weights, "words", 1000, 16)?;
/// assert_eq!(words.output_shape(&[8]), [8, 16]);
/// assert_eq!(weights.trained_elements(), 16_000);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    weight: Parameter,
}

impl Embedding {
    /// A table of `rows` rows of `width` numbers, first drawn from a normal distribution of mean 0 and deviation 1; its parameter `weight` below `name` is
    /// added to `weights`.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a name that is taken, or a table too large to be counted.
    pub fn new(weights: &mut Weights, name: &str, rows: usize, width: usize) -> Result<Embedding, Error> {
        let initial = Initial::Normal { deviation: 1.0 };
        Ok(Embedding { weight: weights.trained(&format!("{name}.weight"), &[rows, width], initial)? })
    }
}

impl Block for Embedding {
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, _: Mode) -> Result<Tensor<'g>, Error> {
        Ok(graph.parameter(&self.weight)?.gather_rows(x)?)
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        let table = self.weight.shape();
        vec![Layer::of("Embedding", &[input, &table.dims()[1..]].concat(), [&self.weight])]
    }
}
