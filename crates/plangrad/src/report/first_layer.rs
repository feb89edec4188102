//! The weights of the first layer as pictures, where what it reads are pictures: one for each unit, from the pixels that excite
//! it to those that inhibit it.

use plangrad_nn::Module;
use plangrad_nn::checkpoint::Loaded;
use serde::Serialize;

use super::pictures::Shown;
use crate::error::Result;
use crate::picture::Picture;

/// Units that are shown.
const MOST_UNITS: usize = 64;

/// What pixels of weight 0 look like, and those of the largest positive and negative weight: distinguishable for the
/// colour-blind.
const ZERO: [f32; 3] = [247.0, 247.0, 247.0];
const POSITIVE: [f32; 3] = [178.0, 24.0, 43.0];
const NEGATIVE: [f32; 3] = [33.0, 102.0, 172.0];

/// The first layer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FirstLayer {
    /// The parameter's name.
    name: String,
    /// How many units there are; the first of them are shown.
    units: usize,
    /// Whether red, green and blue stand for the weights of the three channels.
    is_coloured: bool,
    /// The largest magnitude of all weights shown: the end of the scale of colours.
    limit: f32,
    /// A picture for each unit shown.
    pictures: Vec<Shown>,
}

impl FirstLayer {
    /// Reads it; `None` if no parameter has a row of weights for the pixels of a picture.
    pub(super) fn read(network: &dyn Module, weights: &Loaded) -> Result<Option<FirstLayer>> {
        let shape = network.sample_shape();
        let &[channels @ (1 | 3), height, width] = shape else { return Ok(None) };
        let pixels = channels * height * width;
        let is_first = |shape: &[usize]| matches!(shape, &[_, inputs] if inputs == pixels);
        let Some(parameter) = network.weights().trained_parameters().find(|one| is_first(&one.file_shape()))
        else {
            return Ok(None);
        };
        let values = weights.values(parameter.name(), &parameter.file_shape())?;
        let shown = &values[..values.len().min(MOST_UNITS * pixels)];
        let limit = shown.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let picture = |unit: &[f32]| match channels {
            1 => diverging(unit, [height, width], limit),
            _ => coloured(unit, shape, limit),
        };
        let units = shown.chunks_exact(pixels).filter_map(picture);
        Ok(Some(FirstLayer {
            name: parameter.name().to_owned(),
            units: values.len() / pixels,
            is_coloured: channels == 3,
            limit,
            pictures: units.map(Shown).collect(),
        }))
    }
}

/// Weights of grey pixels, from blue over white to red.
fn diverging(weights: &[f32], [height, width]: [usize; 2], limit: f32) -> Option<Picture> {
    let colour = |&weight: &f32| {
        let (share, end) = share(weight, limit);
        [0, 1, 2].map(|channel| (ZERO[channel] + share * (end[channel] - ZERO[channel])).round() as u8)
    };
    Picture::from_rgb(width, height, weights.iter().flat_map(colour).collect())
}

/// How far a weight is from 0 to the end of the scale on its side, and the colour of that end.
fn share(weight: f32, limit: f32) -> (f32, [f32; 3]) {
    let share = if limit > 0.0 { (weight / limit).abs() } else { 0.0 };
    (share, if weight < 0.0 { NEGATIVE } else { POSITIVE })
}

/// Weights of coloured pixels: each channel by its own, with 0 in the middle.
fn coloured(weights: &[f32], shape: &[usize], limit: f32) -> Option<Picture> {
    let limit = if limit > 0.0 { limit } else { 1.0 };
    let planes: Vec<u8> =
        weights.iter().map(|weight| (127.5 + 127.5 * weight / limit).round() as u8).collect();
    Picture::from_planes(shape, &planes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_run_from_the_most_negative_weight_to_the_most_positive() {
        let picture = diverging(&[-2.0, 0.0, 1.0, 2.0], [1, 4], 2.0).unwrap();
        let expected = [[33, 102, 172], [247; 3], [213, 136, 145], [178, 24, 43]];
        let planes: Vec<u8> = (0..3).flat_map(|channel| expected.map(|colour| colour[channel])).collect();
        assert_eq!(picture.planes(), planes);
        assert_eq!(diverging(&[0.0], [1, 1], 0.0).unwrap().planes(), [247; 3], "a layer of zeros");
    }

    #[test]
    fn each_channel_of_a_coloured_pixel_has_its_own_weight() {
        let picture = coloured(&[-1.0, 0.0, 1.0], &[3, 1, 1], 1.0).unwrap();
        assert_eq!(picture.planes(), [0, 128, 255]);
    }
}
