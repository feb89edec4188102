//! Normalisation of raw values: `x = value × scale + shift`, with one pair per channel.
//!
//! Images are not normalised in advance: they stay `u8` until the first kernel of a step applies the [`Affine`], which
//! costs no memory.

use std::fmt;
use std::str::FromStr;

use crate::suggest::nearest;
use crate::{Dataset, Error, Result, Samples, Spec};

/// Which normalisation to apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Normalize {
    /// `dataset`: images with the dataset's well-known mean and standard deviation of each channel,
    /// `(value / 255 − mean) / std`; tables with the statistics of their training part.
    #[default]
    Dataset,
    /// `half`: `(value / 255 − 0.5) / 0.5`, so that pixels are in −1..1; tables as for `dataset`.
    Half,
    /// `none`: `value / 255`, so that pixels are in 0..1 (torchvision's `ToTensor`); tables unchanged.
    None,
}

impl Normalize {
    /// Every choice, in the order of help texts.
    pub const ALL: [Self; 3] = [Self::Dataset, Self::Half, Self::None];

    /// The scale and shift of each channel for the images of `spec`, computed in `f64` and rounded once.
    #[must_use]
    pub fn affine(self, spec: &Spec) -> Affine {
        self.of_statistics(&spec.mean, &spec.std)
    }

    fn of_statistics(self, mean: &[f32], std: &[f32]) -> Affine {
        let channels = mean.iter().zip(std).map(|(&mean, &std)| match self {
            Self::Dataset => (f64::from(mean), f64::from(std)),
            Self::Half => (0.5, 0.5),
            Self::None => (0.0, 1.0),
        });
        let (scale, shift) =
            channels.map(|(mean, std)| ((1.0 / (255.0 * std)) as f32, (-mean / std) as f32)).unzip();
        Affine { scale, shift }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Half => "half",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Normalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Normalize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == text).ok_or_else(|| Error::UnknownNormalize {
            found: text.to_owned(),
            suggestion: nearest(text, Self::ALL.map(Self::name)).map(str::to_owned),
        })
    }
}

/// `x = value × scale + shift`, with one pair per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Factor of each channel.
    pub scale: Vec<f32>,
    /// Addend of each channel.
    pub shift: Vec<f32>,
}

impl Affine {
    /// One channel, unchanged.
    #[must_use]
    pub fn identity() -> Self {
        Self { scale: vec![1.0], shift: vec![0.0] }
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.scale.len()
    }

    /// The normalised value of a pixel of `channel`.
    ///
    /// # Panics
    ///
    /// If there is no such channel.
    #[must_use]
    pub fn apply(&self, value: u8, channel: usize) -> f32 {
        f32::from(value) * self.scale[channel] + self.shift[channel]
    }

    /// The pixel whose normalised value is nearest to `x`; the inverse of [`apply`](Self::apply).
    ///
    /// # Panics
    ///
    /// If there is no such channel.
    #[must_use]
    pub fn invert(&self, x: f32, channel: usize) -> u8 {
        ((x - self.shift[channel]) / self.scale[channel]).round() as u8 // `as` saturates
    }
}

impl Dataset {
    /// What the first kernel of a step applies to the samples of this dataset: [`Normalize::affine`] for images, with
    /// the statistics of their training part where there are no well-known ones;
    /// [`Affine::identity`] for tables, which are standardised on loading.
    #[must_use]
    pub fn affine(&self, normalize: Normalize) -> Affine {
        match (&self.train.samples, &self.pixels, self.name.spec()) {
            (Samples::U8(_), Some(pixels), _) => normalize.of_statistics(&pixels.mean, &pixels.std),
            (Samples::U8(_), None, Some(spec)) => normalize.affine(&spec),
            _ => Affine::identity(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatasetName;

    fn affine(normalize: Normalize, name: DatasetName) -> Affine {
        normalize.affine(&name.spec().unwrap())
    }

    #[test]
    fn dataset_equals_torchvisions_to_tensor_and_normalize() {
        let mnist = affine(Normalize::Dataset, DatasetName::Mnist);
        for value in [0, 1, 33, 128, 255] {
            let torchvision = (f32::from(value) / 255.0 - 0.1307) / 0.3081;
            assert!((mnist.apply(value, 0) - torchvision).abs() < 1e-6 * torchvision.abs().max(1.0));
        }
        let cifar = affine(Normalize::Dataset, DatasetName::Cifar10);
        assert_eq!(cifar.channels(), 3);
        assert!((cifar.apply(100, 2) - (100.0 / 255.0 - 0.4465) / 0.2616).abs() < 1e-6);
    }

    #[test]
    fn half_maps_to_minus_one_to_one_and_none_to_zero_to_one() {
        let half = affine(Normalize::Half, DatasetName::Cifar10);
        let none = affine(Normalize::None, DatasetName::Cifar10);
        for channel in 0..3 {
            assert!(
                (half.apply(0, channel) + 1.0).abs() < 1e-6 && (half.apply(255, channel) - 1.0).abs() < 1e-6
            );
            assert!(none.apply(0, channel) == 0.0 && (none.apply(255, channel) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn every_pixel_survives_normalising_and_inverting() {
        for normalize in Normalize::ALL {
            let affine = affine(normalize, DatasetName::Cifar100);
            for channel in 0..3 {
                assert!((0..=255).all(|value| affine.invert(affine.apply(value, channel), channel) == value));
            }
        }
    }

    #[test]
    fn choices_survive_formatting_and_parsing_and_misspellings_get_a_suggestion() {
        for choice in Normalize::ALL {
            assert_eq!(choice.to_string().parse::<Normalize>().unwrap(), choice);
        }
        assert_eq!(
            "datset".parse::<Normalize>().unwrap_err().to_string(),
            "unknown normalisation `datset`: expected dataset, half or none; did you mean `dataset`?"
        );
    }
}
