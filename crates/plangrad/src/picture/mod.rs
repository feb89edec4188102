//! Pictures: 8 bits per channel, grey or RGB, stored pixel by pixel as in PNG and on terminals.
//!
//! Networks store an image channel by channel (`[channels, height, width]`, CHW), pictures the channels of a pixel
//! together (HWC). [`Picture::from_planes`] and [`Picture::planes`] convert between the two. There is no other colour
//! space, no alpha and no greater depth: a transparent image is flattened onto white when it is read.

mod draw;
mod graphics;
mod input;
mod place;
mod png;

pub(crate) use draw::side_by_side;
pub use graphics::Graphics;
pub(crate) use input::{ImageInput, Wanted};
pub use png::PictureError;

use plangrad_data::brightness;

/// A picture in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    /// `[height, width, channels]`
    pixels: Vec<u8>,
}

impl Picture {
    /// The most bytes that an enlarged picture or a drawing may take.
    pub const MOST_BYTES: usize = 256 << 20;

    /// A picture from an image of shape `[channels, height, width]`; `None` if the length of `planes` differs from that, or
    /// if there are neither 1 nor 3 channels.
    #[must_use]
    pub fn from_planes(shape: &[usize], planes: &[u8]) -> Option<Self> {
        let &[channels @ (1 | 3), height, width] = shape else { return None };
        let size = height.checked_mul(width)?;
        if size == 0 || size.checked_mul(channels) != Some(planes.len()) {
            return None;
        }
        let pixels = (0..size).flat_map(|pixel| planes.iter().skip(pixel).step_by(size).copied()).collect();
        Some(Self { width, height, channels, pixels })
    }

    /// A picture from RGB pixels; `None` if there are more or fewer than `width · height`.
    pub(crate) fn from_rgb(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (bytes > 0 && bytes == pixels.len()).then_some(Self { width, height, channels: 3, pixels })
    }

    /// The image as a network reads it, `[channels, height, width]`.
    #[must_use]
    pub fn planes(&self) -> Vec<u8> {
        (0..self.channels).flat_map(|c| self.pixels.iter().skip(c).step_by(self.channels).copied()).collect()
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 for grey, 3 for red, green and blue.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Red, green and blue of a pixel within the picture.
    pub(crate) fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        let pixel = &self.pixels[(y * self.width + x) * self.channels..][..self.channels];
        [pixel[0], pixel[self.channels / 2], pixel[self.channels - 1]]
    }

    /// The same picture with 1 or 3 channels: grey is repeated; colours become their brightness (ITU-R BT.601).
    #[must_use]
    pub fn with_channels(&self, channels: usize) -> Self {
        let pixels = match (self.channels, channels) {
            (1, 3) => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            (3, 1) => self.pixels.as_chunks::<3>().0.iter().map(|&colour| brightness(colour)).collect(),
            _ => return self.clone(),
        };
        Self { channels, pixels, ..*self }
    }

    /// The same picture with dark and light swapped.
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self { pixels: self.pixels.iter().map(|value| 255 - value).collect(), ..*self }
    }

    /// The same picture with each pixel repeated `factor` times in both directions; `None` for factor 0, and if the result
    /// would exceed [`MOST_BYTES`](Self::MOST_BYTES).
    #[must_use]
    pub fn enlarged(&self, factor: usize) -> Option<Self> {
        let bytes = self.pixels.len().checked_mul(factor)?.checked_mul(factor)?;
        if bytes == 0 || bytes > Self::MOST_BYTES {
            return None;
        }
        let mut large = Self::filled(self.width * factor, self.height * factor, self.channels, 0);
        for (y, row) in large.pixels.chunks_exact_mut(self.width * factor * self.channels).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(self.channels).enumerate() {
                let from = (y / factor * self.width + x / factor) * self.channels;
                pixel.copy_from_slice(&self.pixels[from..from + self.channels]);
            }
        }
        Some(large)
    }

    /// Whether the edge of the picture is light, as paper is.
    #[must_use]
    pub fn has_light_edge(&self) -> bool {
        let grey = self.with_channels(1);
        let is_edge = |x: usize, y: usize| x == 0 || y == 0 || x + 1 == grey.width || y + 1 == grey.height;
        let pixels = grey.pixels.iter().enumerate();
        let edge: Vec<u64> = pixels
            .filter(|(place, _)| is_edge(place % grey.width, place / grey.width))
            .map(|(_, &value)| u64::from(value))
            .collect();
        edge.iter().sum::<u64>() > 127 * edge.len() as u64
    }

    fn filled(width: usize, height: usize, channels: usize, value: u8) -> Self {
        Self { width, height, channels, pixels: vec![value; width * height * channels] }
    }

    /// Copies `picture`, which has the same number of channels and fits there.
    fn paste(&mut self, picture: &Self, left: usize, top: usize) {
        let row_bytes = picture.width * picture.channels;
        for (y, row) in picture.pixels.chunks_exact(row_bytes).enumerate() {
            let start = ((top + y) * self.width + left) * self.channels;
            self.pixels[start..start + row_bytes].copy_from_slice(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, pixels: &[u8]) -> Picture {
        Picture::from_planes(&[1, pixels.len() / width, width], pixels).unwrap()
    }

    #[test]
    fn planes_and_pixels_are_converted_both_ways() {
        let planes = [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26];
        let picture = Picture::from_planes(&[3, 2, 3], &planes).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.rgb(2, 1)), (3, 2, [6, 16, 26]));
        assert_eq!(picture.planes(), planes);
        for shape in [&[3, 2][..], &[2, 3, 3], &[3, 2, 2], &[1, 0, 18], &[3, usize::MAX, usize::MAX]] {
            assert_eq!(Picture::from_planes(shape, &planes), None, "{shape:?}");
        }
    }

    #[test]
    fn colours_are_converted_to_their_brightness() {
        let picture = Picture::from_planes(&[3, 1, 3], &[255, 0, 100, 0, 255, 100, 0, 0, 100]).unwrap();
        assert_eq!(picture.with_channels(1).pixels, [76, 150, 100]);
        assert_eq!(picture.with_channels(1).with_channels(3).rgb(0, 0), [76, 76, 76]);
    }

    #[test]
    fn enlarging_repeats_pixels() {
        assert_eq!(
            grey(2, &[1, 2, 3, 4]).enlarged(2).unwrap(),
            grey(4, &[1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4])
        );
        assert_eq!((grey(1, &[0]).enlarged(0), grey(1, &[0]).enlarged(usize::MAX)), (None, None));
    }

    #[test]
    fn a_light_edge_is_recognised() {
        let mut paper = [255; 25];
        paper[12] = 0;
        assert!(grey(5, &paper).has_light_edge());
        assert!(!grey(5, &paper).inverted().has_light_edge());
    }
}
