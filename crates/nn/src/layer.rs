//! A layer as a network describes it for summaries.

use std::borrow::Cow;

/// A layer, as its module describes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Layer {
    /// Its kind, e.g. `Linear`.
    pub kind: Cow<'static, str>,
    /// Shape of its output for one sample.
    pub output_shape: Vec<usize>,
    /// Numbers it trains.
    pub parameters: usize,
}

impl Layer {
    /// A layer of this kind, with the shape of its output for one sample and the numbers it trains.
    #[must_use]
    pub fn new(kind: impl Into<Cow<'static, str>>, output_shape: &[usize], parameters: usize) -> Layer {
        Layer { kind: kind.into(), output_shape: output_shape.to_vec(), parameters }
    }

    /// Elements of its output for one sample.
    #[must_use]
    pub fn output_elements(&self) -> usize {
        self.output_shape.iter().product()
    }
}
