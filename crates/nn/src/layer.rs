//! A layer as a network describes it for summaries.

use std::borrow::Cow;

use plangrad_tensor::Parameter;

/// A layer, as its module describes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Layer {
    /// Its kind, e.g. `Linear`.
    pub kind: Cow<'static, str>,
    /// Shape of its output for one sample.
    pub output_shape: Vec<usize>,
    /// Numbers in its parameters.
    pub parameters: usize,
    /// How many of these are frozen, so that nothing trains them.
    pub frozen: usize,
}

impl Layer {
    /// A layer of this kind, with the shape of its output for one sample and the numbers it trains.
    #[must_use]
    pub fn new(kind: impl Into<Cow<'static, str>>, output_shape: &[usize], parameters: usize) -> Layer {
        Layer { kind: kind.into(), output_shape: output_shape.to_vec(), parameters, frozen: 0 }
    }

    /// A layer of this kind with these parameters, of which some or all may be frozen.
    #[must_use]
    pub fn of<'a>(
        kind: impl Into<Cow<'static, str>>,
        output_shape: &[usize],
        parameters: impl IntoIterator<Item = &'a Parameter>,
    ) -> Layer {
        let mut layer = Layer::new(kind, output_shape, 0);
        for parameter in parameters {
            let elements = parameter.shape().elements();
            layer.parameters += elements;
            layer.frozen += if parameter.is_trained() { 0 } else { elements };
        }
        layer
    }

    /// Elements of its output for one sample.
    #[must_use]
    pub fn output_elements(&self) -> usize {
        self.output_shape.iter().product()
    }
}
