//! Resizing: a triangle filter as wide as the distance between the new pixels.
//!
//! Enlarging is bilinear interpolation; reducing takes a weighted mean over every pixel that falls into the new one, so
//! that thin strokes do not vanish. (Pillow's `BILINEAR` is the same.) Rows are processed as they come, so that a picture
//! need not be in memory as a whole.

use super::Picture;

/// The old pixels that make up a new one: from `start` on, with weights that add up to 1.
struct Taps {
    start: usize,
    weights: Vec<f32>,
}

/// Makes a picture of another size from the rows of one.
pub(super) struct Resizer {
    columns: Vec<Taps>,
    rows: Vec<Taps>,
    channels: usize,
    /// Old rows pushed so far.
    pushed: usize,
    /// New rows that need no more old ones.
    complete: usize,
    /// The last old row in the new width.
    narrow: Vec<f32>,
    /// The new picture as far as the pushed rows contribute to it.
    sums: Vec<f32>,
}

impl Resizer {
    /// Resizes from and to these widths and heights, which are at least 1.
    pub(super) fn new(old: (usize, usize), new: (usize, usize), channels: usize) -> Self {
        Self {
            columns: taps(old.0, new.0),
            rows: taps(old.1, new.1),
            channels,
            pushed: 0,
            complete: 0,
            narrow: vec![0.0; new.0 * channels],
            sums: vec![0.0; new.0 * new.1 * channels],
        }
    }

    /// Adds the next row of the old picture.
    pub(super) fn push(&mut self, row: &[u8]) {
        for (tap, pixel) in self.columns.iter().zip(self.narrow.chunks_exact_mut(self.channels)) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let at = |i: usize| f32::from(row[(tap.start + i) * self.channels + channel]);
                *value = tap.weights.iter().enumerate().map(|(i, weight)| weight * at(i)).sum();
            }
        }
        let needed = |tap: &&Taps| tap.start <= self.pushed;
        for (number, tap) in
            self.rows.iter().enumerate().skip(self.complete).take_while(|(_, tap)| needed(tap))
        {
            match tap.weights.get(self.pushed - tap.start) {
                None => self.complete = number + 1,
                Some(weight) => {
                    let sums = &mut self.sums[number * self.narrow.len()..];
                    sums.iter_mut().zip(&self.narrow).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
        self.pushed += 1;
    }

    /// The new picture, once all rows have been pushed.
    pub(super) fn finish(self) -> Picture {
        let (width, height) = (self.columns.len(), self.rows.len());
        let pixels = self.sums.into_iter().map(|value| value.round() as u8).collect(); // `as` saturates
        Picture { width, height, channels: self.channels, pixels }
    }
}

/// For each of `new` pixels in a line, the pixels among `old` ones that make it up.
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

    fn resized(picture: &Picture, width: usize, height: usize) -> Picture {
        let old = (picture.width, picture.height);
        let mut resizer = Resizer::new(old, (width, height), picture.channels);
        picture.pixels.chunks_exact(picture.width * picture.channels).for_each(|row| resizer.push(row));
        resizer.finish()
    }

    fn grey(width: usize, pixels: &[u8]) -> Picture {
        Picture::from_planes(&[1, pixels.len() / width, width], pixels).unwrap()
    }

    #[test]
    fn enlarging_interpolates_between_neighbours() {
        // Centres of the new pixels lie at 0.25, 0.75, 1.25 and 1.75 of the two old ones.
        assert_eq!(resized(&grey(2, &[0, 100]), 4, 1), grey(4, &[0, 25, 75, 100]));
        assert_eq!(resized(&grey(1, &[0, 100]), 1, 4), grey(1, &[0, 25, 75, 100]));
    }

    #[test]
    fn reducing_takes_every_pixel_into_account() {
        let mut line = [0; 100];
        line[37] = 255;
        for small in [resized(&grey(100, &line), 10, 1), resized(&grey(1, &line), 1, 10)] {
            let sum: u32 = small.pixels.iter().map(|&value| u32::from(value)).sum();
            assert!((24..=27).contains(&sum), "a tenth of 255 is left of the one stroke: {small:?}");
        }
    }

    #[test]
    fn a_picture_resized_to_its_own_size_is_unchanged() {
        let picture = Picture::from_planes(&[3, 2, 2], &[0, 1, 2, 3, 100, 101, 102, 103, 252, 253, 254, 255]);
        assert_eq!(resized(picture.as_ref().unwrap(), 2, 2), picture.unwrap());
    }

    #[test]
    fn a_uniform_colour_stays_the_same() {
        let colours: Vec<u8> = [10, 20, 30].iter().flat_map(|&value| [value; 35]).collect();
        for (width, height) in [(28, 28), (1, 1), (7, 3), (3, 50)] {
            let resized = resized(&Picture::from_planes(&[3, 5, 7], &colours).unwrap(), width, height);
            assert_eq!((resized.width(), resized.height()), (width, height));
            assert!(resized.pixels.chunks_exact(3).all(|pixel| pixel == [10, 20, 30]));
        }
    }
}
