//! The functions behind hidden layers.

use std::fmt;
use std::str::FromStr;

use plangrad_tensor::{Graph, Tensor};
use serde::{Deserialize, Serialize};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Error, Mode};

/// An activation function.
///
/// ```
/// use plangrad_nn::{Activation, Block, Mode};
/// use plangrad_tensor::ndarray::arr2;
/// use plangrad_tensor::{Graph, eval};
///
/// let graph = Graph::new();
/// let x = graph.constant(arr2(&[[-1.0, 2.0]]))?;
/// let y = Activation::Relu.record(&graph, x, Mode::Train)?;
/// assert_eq!(eval(y)?, arr2(&[[0.0, 2.0]]).into_dyn());
/// assert_eq!("gelu".parse::<Activation>()?, Activation::Gelu);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Activation {
    /// max(x, 0)
    #[default]
    Relu,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// x Φ(x), the exact form
    Gelu,
}

impl Activation {
    /// Every activation function.
    pub const ALL: [Activation; 4] =
        [Activation::Relu, Activation::Tanh, Activation::Sigmoid, Activation::Gelu];

    /// The name of PyTorch's module for it.
    #[must_use]
    pub fn module_name(self) -> &'static str {
        match self {
            Activation::Relu => "ReLU",
            Activation::Tanh => "Tanh",
            Activation::Sigmoid => "Sigmoid",
            Activation::Gelu => "GELU",
        }
    }
}

impl Block for Activation {
    /// # Errors
    /// If `x` is not f32.
    fn record<'g>(&self, _: &'g Graph, x: Tensor<'g>, _: Mode) -> Result<Tensor<'g>, Error> {
        Ok(match self {
            Activation::Relu => x.relu()?,
            Activation::Tanh => x.tanh()?,
            Activation::Sigmoid => x.sigmoid()?,
            Activation::Gelu => x.gelu()?,
        })
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        vec![Layer::new(self.module_name(), input, 0)]
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Activation::Relu => "relu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Gelu => "gelu",
        })
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Activation, Error> {
        let known = || Activation::ALL.map(|activation| activation.to_string()).to_vec();
        let unknown = || Error::UnknownActivation { found: name.into(), known: known() };
        Activation::ALL.into_iter().find(|a| a.to_string() == name).ok_or_else(unknown)
    }
}
