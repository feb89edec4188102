//! The table of a network's layers, with the sizes that torchsummary prints.
//!
//! | size | formula (f32, one sample) |
//! | --- | --- |
//! | input | 4 · elements of a sample |
//! | forward/backward | 2 · 4 · Σ elements of every layer's output |
//! | parameters | 4 · number of trained parameters |
//!
//! The factor 2 stands for a gradient beside every output. It is a rule of thumb: a plan knows the exact bytes.

use crate::Module;
pub use crate::layer::Layer;

/// A network, layer by layer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The layers from the input on.
    pub layers: Vec<Layer>,
    /// Elements of a sample.
    pub input_elements: usize,
}

impl Summary {
    /// The layers of `model`.
    #[must_use]
    pub fn of(model: &dyn Module) -> Summary {
        Summary { layers: model.layers(), input_elements: model.sample_shape().iter().product() }
    }

    /// The layers with their names: kind and position, e.g. `Linear-2`.
    pub fn named_layers(&self) -> impl Iterator<Item = (String, &Layer)> {
        self.layers.iter().enumerate().map(|(i, layer)| (format!("{}-{}", layer.kind, i + 1), layer))
    }

    /// Numbers in all parameters.
    #[must_use]
    pub fn total_parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameters).sum()
    }

    /// Numbers in parameters that the optimizer trains: all but those of frozen layers.
    #[must_use]
    pub fn trained_parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameters - layer.frozen).sum()
    }

    /// Bytes of one sample as f32.
    #[must_use]
    pub fn input_bytes(&self) -> u64 {
        4 * self.input_elements as u64
    }

    /// Bytes of every layer's output and as much again for gradients.
    #[must_use]
    pub fn forward_backward_bytes(&self) -> u64 {
        8 * self.layers.iter().map(Layer::output_elements).sum::<usize>() as u64
    }

    /// Bytes of the parameters.
    #[must_use]
    pub fn parameter_bytes(&self) -> u64 {
        4 * self.total_parameters() as u64
    }

    /// Sum of the three.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.input_bytes() + self.forward_backward_bytes() + self.parameter_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mlp, MlpConfig};

    fn summary(sample_shape: &[usize], dropout: f32) -> Summary {
        let config = MlpConfig::new(sample_shape, 10).hidden(&[128]).dropout(dropout);
        Summary::of(&Mlp::new(&config).unwrap())
    }

    fn megabytes(bytes: u64) -> String {
        format!("{:.2}", bytes as f64 / 1024.0 / 1024.0)
    }

    #[test]
    fn the_lessons_tables_are_reproduced() {
        for (shape, parameters, sizes) in [
            (vec![1, 28, 28], 101_770, ["0.00", "0.01", "0.39", "0.40"]),
            (vec![3, 32, 32], 394_634, ["0.01", "0.03", "1.51", "1.54"]),
        ] {
            let summary = summary(&shape, 0.0);
            assert_eq!(summary.total_parameters(), parameters);
            let found = [
                summary.input_bytes(),
                summary.forward_backward_bytes(),
                summary.parameter_bytes(),
                summary.total_bytes(),
            ];
            assert_eq!(found.map(megabytes), sizes);
        }
    }

    #[test]
    fn layers_are_numbered_from_the_input_on() {
        let names =
            |dropout| summary(&[784], dropout).named_layers().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(0.0), ["Flatten-1", "Linear-2", "ReLU-3", "Linear-4"]);
        assert_eq!(names(0.5), ["Flatten-1", "Linear-2", "ReLU-3", "Dropout-4", "Linear-5"]);
    }
}
