//! The multi-layer perceptron: flatten, then linear layers with an activation (and dropout) between them.

use plangrad_tensor::{Graph, Parameter, Parameters, Session, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Activation, Error, Linear};

/// What an MLP looks like. This is what files say about a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MlpConfig {
    /// Shape of one sample, e.g. `[1, 28, 28]`.
    pub sample_shape: Vec<usize>,
    /// Units of each hidden layer; empty for a linear model.
    pub hidden: Vec<usize>,
    /// Classes, or values for a regression.
    pub outputs: usize,
    /// What follows each hidden layer.
    pub activation: Activation,
    /// Share of hidden units dropped while training.
    pub dropout: f32,
}

/// Whether a network is recorded for training (with dropout) or for evaluation (without).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With dropout.
    Train,
    /// Without.
    Evaluate,
}

/// A multi-layer perceptron. Its layers are named `layer1`, `layer2`, … from the input on.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    config: MlpConfig,
    layers: Vec<Linear>,
    parameters: Parameters,
}

impl Mlp {
    /// The network that `config` describes.
    ///
    /// # Errors
    /// [`Error::Config`] for a layer without units or a dropout rate outside `0.0..1.0`; [`Error::Tensor`] for sizes
    /// whose product overflows.
    pub fn new(config: &MlpConfig) -> Result<Mlp, Error> {
        let inputs = config.sample_shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let inputs = inputs.filter(|&n| n > 0).ok_or_else(|| {
            Error::Config(format!("samples of shape {:?} as its input", config.sample_shape))
        })?;
        let sizes: Vec<usize> =
            [inputs].iter().chain(&config.hidden).chain(&[config.outputs]).copied().collect();
        if sizes.contains(&0) {
            return Err(Error::Config(format!("a layer without units (layers {sizes:?})")));
        }
        if !(0.0..1.0).contains(&config.dropout) {
            return Err(Error::Config(format!(
                "a dropout rate of {}; it must be at least 0 and below 1",
                config.dropout
            )));
        }
        let mut parameters = Parameters::new();
        let layer = |(i, pair): (usize, &[usize])| {
            Linear::new(&mut parameters, &format!("layer{}", i + 1), pair[0], pair[1])
        };
        let layers = sizes.windows(2).enumerate().map(layer).collect::<Result<Vec<Linear>, Error>>()?;
        Ok(Mlp { config: config.clone(), layers, parameters })
    }

    /// What it was made from.
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }

    /// The linear layers from the input on.
    pub fn layers(&self) -> &[Linear] {
        &self.layers
    }

    /// All parameters: `layer1.weight`, `layer1.bias`, `layer2.weight`, …
    pub fn parameters(&self) -> &[Parameter] {
        self.parameters.as_slice()
    }

    /// The list that they belong to.
    pub fn parameter_list(&self) -> &Parameters {
        &self.parameters
    }

    /// Numbers in all parameters.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|parameter| parameter.shape().elements()).sum()
    }

    /// Records the network applied to `x` (`[batch, …sample shape]`): scores `[batch, outputs]`.
    ///
    /// # Errors
    /// If `x` has another shape.
    pub fn forward<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let mut x = x.flatten(1)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(graph, x)?;
            if i + 1 < self.layers.len() {
                x = self.config.activation.forward(x)?;
                if mode == Mode::Train {
                    x = x.dropout(self.config.dropout, i as u32)?;
                }
            }
        }
        Ok(x)
    }

    /// Sets a session's parameters to their first values, a function of `seed` alone.
    ///
    /// # Errors
    /// If the session holds another model.
    pub fn initialise(&self, session: &mut Session, seed: u64) -> Result<(), Error> {
        for layer in &self.layers {
            for parameter in layer.parameters() {
                session.fill_parameter(parameter.id(), |i| layer.initial_value(parameter, seed, i))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn config(sample_shape: &[usize], hidden: &[usize], outputs: usize) -> MlpConfig {
        let (sample_shape, hidden) = (sample_shape.to_vec(), hidden.to_vec());
        MlpConfig { sample_shape, hidden, outputs, activation: Activation::Relu, dropout: 0.0 }
    }

    #[test]
    fn the_lessons_models_have_the_lessons_parameters() {
        let count = |shape: &[usize]| Mlp::new(&config(shape, &[128], 10)).unwrap().parameter_count();
        assert_eq!(count(&[1, 28, 28]), 101_770);
        assert_eq!(count(&[3, 32, 32]), 394_634);
    }

    #[test]
    fn parameters_have_pytorchs_names_and_shapes() {
        let model = Mlp::new(&config(&[784], &[128, 64], 10)).unwrap();
        let described: Vec<(String, Vec<usize>)> =
            model.parameters().iter().map(|p| (p.name().to_owned(), p.file_shape())).collect();
        let expected = [
            ("layer1.weight", vec![128, 784]),
            ("layer1.bias", vec![128]),
            ("layer2.weight", vec![64, 128]),
            ("layer2.bias", vec![64]),
            ("layer3.weight", vec![10, 64]),
            ("layer3.bias", vec![10]),
        ];
        assert_eq!(described, expected.map(|(name, shape)| (name.to_string(), shape)));
    }

    #[test]
    fn first_values_fill_pytorchs_range_and_depend_on_the_seed() {
        let model = Mlp::new(&config(&[100], &[64], 10)).unwrap();
        let layer = &model.layers()[0];
        let values = |seed| {
            layer.parameters().map(|p| -> Vec<f32> {
                (0..p.shape().elements()).map(|i| layer.initial_value(p, seed, i)).collect()
            })
        };
        let [weight, bias] = values(42);
        let bound = 0.1_f32;
        assert!(weight.iter().chain(&bias).all(|x| x.abs() <= bound));
        assert!(weight.iter().any(|x| x.abs() > 0.99 * bound));
        let variance = weight.iter().map(|x| x * x).sum::<f32>() / weight.len() as f32;
        assert!((variance - bound * bound / 3.0).abs() < 1e-4);
        assert_ne!(weight, values(43)[0]);
    }

    #[test]
    fn impossible_networks_are_refused() {
        for (shape, hidden, outputs) in [(vec![0], vec![], 1), (vec![4], vec![0], 1), (vec![4], vec![], 0)] {
            assert!(matches!(Mlp::new(&config(&shape, &hidden, outputs)), Err(Error::Config(_))));
        }
        assert!(Mlp::new(&config(&[usize::MAX, 2], &[1], 1)).is_err());
        let half = MlpConfig { dropout: 1.0, ..config(&[4], &[4], 2) };
        assert!(matches!(Mlp::new(&half), Err(Error::Config(_))));
    }
}
