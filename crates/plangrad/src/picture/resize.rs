//! Resizing: a triangle filter as wide as the step between the new pixels.
//!
//! Where a picture grows that is bilinear interpolation; where it shrinks it is a weighted mean over every pixel that
//! falls into the new one, so that thin strokes do not vanish. (Pillow's `BILINEAR` is the same.)

use super::Picture;

/// What one new pixel is made of: old pixels from `start` on, and their weights, which add up to 1.
struct Taps {
    start: usize,
    weights: Vec<f32>,
}

impl Picture {
    /// The picture in another size, of at least one pixel each way. Its sides are stretched independently.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let (columns, rows) = (taps(self.width, width), taps(self.height, height));
        let row_values = width * self.channels;
        let mut narrow = Vec::with_capacity(self.height * row_values);
        for row in self.pixels.chunks_exact(self.width * self.channels) {
            for tap in &columns {
                for channel in 0..self.channels {
                    let at = |i: usize| f32::from(row[(tap.start + i) * self.channels + channel]);
                    narrow
                        .push(tap.weights.iter().enumerate().map(|(i, weight)| weight * at(i)).sum::<f32>());
                }
            }
        }
        let mut pixels = Vec::with_capacity(height * row_values);
        for tap in &rows {
            for place in 0..row_values {
                let at = |i: usize| narrow[(tap.start + i) * row_values + place];
                let value: f32 = tap.weights.iter().enumerate().map(|(i, weight)| weight * at(i)).sum();
                pixels.push(value.round() as u8); // `as` holds it within 0..=255
            }
        }
        Self { width, height, channels: self.channels, pixels }
    }
}

/// For each of `new` pixels in a line what it takes from `old` ones.
fn taps(old: usize, new: usize) -> Vec<Taps> {
    let step = old as f64 / new as f64;
    let reach = step.max(1.0);
    let tap = |pixel: usize| {
        let centre = (pixel as f64 + 0.5) * step;
        let start = (centre - reach).floor().max(0.0) as usize;
        let end = ((centre + reach).ceil() as usize).min(old);
        let weight = |i: usize| (1.0 - ((i as f64 + 0.5 - centre) / reach).abs()).max(0.0);
        let sum: f64 = (start..end).map(weight).sum();
        Taps { start, weights: (start..end).map(|i| (weight(i) / sum) as f32).collect() }
    };
    (0..new).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, pixels: &[u8]) -> Picture {
        Picture::from_planes(&[1, pixels.len() / width, width], pixels).unwrap()
    }

    #[test]
    fn growing_interpolates_between_neighbours() {
        // Centres of the new pixels lie at 0.25, 0.75, 1.25 and 1.75 of the two old ones.
        assert_eq!(grey(2, &[0, 100]).resized(4, 1), grey(4, &[0, 25, 75, 100]));
    }

    #[test]
    fn shrinking_takes_every_pixel_into_account() {
        let mut line = [0; 100];
        line[37] = 255;
        let small = grey(100, &line).resized(10, 1);
        let sum: u32 = small.pixels.iter().map(|&value| u32::from(value)).sum();
        assert!((24..=27).contains(&sum), "a tenth of 255 is left of the one stroke: {small:?}");
    }

    #[test]
    fn an_even_surface_stays_even_and_channels_stay_apart() {
        let colours: Vec<u8> = [10, 20, 30].iter().flat_map(|&value| [value; 35]).collect();
        for (width, height) in [(28, 28), (1, 1), (7, 3), (3, 50)] {
            let resized = Picture::from_planes(&[3, 5, 7], &colours).unwrap().resized(width, height);
            assert_eq!((resized.width(), resized.height()), (width, height));
            assert!(resized.pixels.chunks_exact(3).all(|pixel| pixel == [10, 20, 30]));
        }
    }
}
