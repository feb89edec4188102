//! The table of a network's layers, with the sizes that torchsummary prints.
//!
//! | size | formula (f32, one sample) |
//! | --- | --- |
//! | input | 4 · elements of a sample |
//! | forward/backward | 2 · 4 · Σ elements of every layer's output |
//! | parameters | 4 · number of parameters |
//!
//! The factor 2 stands for a gradient beside every output. It is a rule of thumb: a plan knows the exact bytes.

use crate::Mlp;

/// One row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Kind and position, e.g. `Linear-2`.
    pub name: String,
    /// The layer's kind, e.g. `Linear`.
    pub kind: &'static str,
    /// Shape of its output for one sample.
    pub output_shape: Vec<usize>,
    /// Numbers it trains.
    pub parameters: usize,
}

/// A network, layer by layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The layers from the input on.
    pub layers: Vec<Layer>,
    /// Elements of a sample.
    pub input_elements: usize,
}

impl Summary {
    /// The layers of `model`.
    pub fn of(model: &Mlp) -> Summary {
        let config = model.config();
        let input_elements = config.sample_shape.iter().product();
        let mut summary = Summary { layers: Vec::new(), input_elements };
        summary.push("Flatten", input_elements, 0);
        for (i, layer) in model.layers().iter().enumerate() {
            let parameters = layer.parameters().iter().map(|p| p.shape().elements()).sum();
            summary.push("Linear", layer.outputs(), parameters);
            if i + 1 < model.layers().len() {
                summary.push(config.activation.module_name(), layer.outputs(), 0);
                if config.dropout > 0.0 {
                    summary.push("Dropout", layer.outputs(), 0);
                }
            }
        }
        summary
    }

    fn push(&mut self, kind: &'static str, outputs: usize, parameters: usize) {
        let name = format!("{kind}-{}", self.layers.len() + 1);
        self.layers.push(Layer { name, kind, output_shape: vec![outputs], parameters });
    }

    /// Numbers in all parameters. All of them are trained.
    pub fn total_parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameters).sum()
    }

    /// Bytes of one sample as f32.
    pub fn input_bytes(&self) -> u64 {
        4 * self.input_elements as u64
    }

    /// Bytes of every layer's output and as much again for gradients.
    pub fn forward_backward_bytes(&self) -> u64 {
        let outputs = self.layers.iter().map(|layer| layer.output_shape.iter().product::<usize>());
        8 * outputs.sum::<usize>() as u64
    }

    /// Bytes of the parameters.
    pub fn parameter_bytes(&self) -> u64 {
        4 * self.total_parameters() as u64
    }

    /// Sum of the three.
    pub fn total_bytes(&self) -> u64 {
        self.input_bytes() + self.forward_backward_bytes() + self.parameter_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, MlpConfig};

    fn summary(sample_shape: &[usize], dropout: f32) -> Summary {
        let sample_shape = sample_shape.to_vec();
        let config =
            MlpConfig { sample_shape, hidden: vec![128], outputs: 10, activation: Activation::Relu, dropout };
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
        let names = |dropout| summary(&[784], dropout).layers.into_iter().map(|l| l.name).collect::<Vec<_>>();
        assert_eq!(names(0.0), ["Flatten-1", "Linear-2", "ReLU-3", "Linear-4"]);
        assert_eq!(names(0.5), ["Flatten-1", "Linear-2", "ReLU-3", "Dropout-4", "Linear-5"]);
    }
}
