//! Resizing: a triangle filter as wide as the distance between the new pixels.
//!
//! Enlarging is bilinear interpolation; reducing takes a weighted mean over every pixel that falls into the new one, so
//! that thin strokes do not vanish. This is Pillow's `BILINEAR` (`Image.Resampling.BILINEAR`), equal to its float mode `F`
//! to 1e-5 of the range of values. Rows are processed as they come, so that a picture need not be in memory as a whole.

/// The old pixels that make up a new one: from `start` on, with weights that add up to 1.
#[derive(Debug)]
struct Taps {
    start: usize,
    weights: Vec<f64>,
}

/// Makes a picture of another size from the rows of one.
#[derive(Debug)]
pub struct Resizer {
    columns: Vec<Taps>,
    rows: Vec<Taps>,
    channels: usize,
    /// Old rows pushed so far.
    pushed: usize,
    /// New rows that need no more old ones.
    complete: usize,
    /// The last old row in the new width.
    narrow: Vec<f64>,
    /// The new picture as far as the pushed rows contribute to it.
    sums: Vec<f64>,
}

impl Resizer {
    /// Resizes from and to these widths and heights, which are at least 1; `channels` values belong to a pixel.
    #[must_use]
    pub fn new(old: (usize, usize), new: (usize, usize), channels: usize) -> Self {
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
    ///
    /// # Panics
    ///
    /// If it is shorter than the old width.
    pub fn push(&mut self, row: &[u8]) {
        for (tap, pixel) in self.columns.iter().zip(self.narrow.chunks_exact_mut(self.channels)) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let at = |i: usize| f64::from(row[(tap.start + i) * self.channels + channel]);
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

    /// The new picture, once all rows have been pushed: rows of pixels of bytes, rounded.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.sums.into_iter().map(|value| value.round() as u8).collect() // `as` saturates
    }

    /// The same before rounding.
    #[must_use]
    pub fn finish_exact(self) -> Vec<f64> {
        self.sums
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
        Taps { start, weights: (start..end).map(|i| weight(i) / sum).collect() }
    };
    (0..new).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn resizer(width: usize, channels: usize, pixels: &[u8], new: (usize, usize)) -> Resizer {
        let rows = pixels.chunks_exact(width * channels);
        let mut resizer = Resizer::new((width, rows.len()), new, channels);
        rows.for_each(|row| resizer.push(row));
        resizer
    }

    fn resized(width: usize, pixels: &[u8], new: (usize, usize)) -> Vec<u8> {
        resizer(width, 1, pixels, new).finish()
    }

    #[test]
    fn enlarging_interpolates_between_neighbours() {
        // Centres of the new pixels lie at 0.25, 0.75, 1.25 and 1.75 of the two old ones.
        assert_eq!(resized(2, &[0, 100], (4, 1)), [0, 25, 75, 100]);
        assert_eq!(resized(1, &[0, 100], (1, 4)), [0, 25, 75, 100]);
    }

    #[test]
    fn reducing_takes_every_pixel_into_account() {
        let mut line = [0; 100];
        line[37] = 255;
        for small in [resized(100, &line, (10, 1)), resized(1, &line, (1, 10))] {
            let sum: u32 = small.iter().map(|&value| u32::from(value)).sum();
            assert!((24..=27).contains(&sum), "a tenth of 255 is left of the one stroke: {small:?}");
        }
    }

    #[test]
    fn a_picture_resized_to_its_own_size_is_unchanged() {
        let pixels = [0, 1, 2, 3, 100, 101, 102, 103, 252, 253, 254, 255];
        assert_eq!(resizer(2, 3, &pixels, (2, 2)).finish(), pixels);
    }

    #[test]
    fn a_uniform_colour_stays_the_same() {
        let colours: Vec<u8> = [10, 20, 30].repeat(35);
        for new in [(28, 28), (1, 1), (7, 3), (3, 50)] {
            let resized = resizer(7, 3, &colours, new).finish();
            assert_eq!(resized.len(), new.0 * new.1 * 3);
            assert!(resized.chunks_exact(3).all(|pixel| pixel == [10, 20, 30]));
        }
    }

    /// Written by `tests/pillow.py`, with Pillow's `Image.resize(size, BILINEAR)` in mode `F`: the size of
    /// `(7 i + 13 (i / 37) ²) mod 256` with 37 columns and 23 rows, and values of the result.
    #[test]
    fn results_equal_pillows_in_float_mode() {
        let pixels: Vec<u8> =
            (0..37 * 23).map(|i: usize| ((7 * i + 13 * (i / 37).pow(2)) % 256) as u8).collect();
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let folder = std::env::var_os("PLANGRAD_GOLDEN").map_or(committed, PathBuf::from);
        for line in std::fs::read_to_string(folder.join("pillow.txt")).unwrap().lines() {
            let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            let size = (numbers[0] as usize, numbers[1] as usize);
            let ours = resizer(37, 1, &pixels, size).finish_exact();
            assert_eq!(ours.len(), numbers.len() - 2);
            for (place, (ours, pillow)) in ours.iter().zip(&numbers[2..]).enumerate() {
                // 1e-5 of the range of values: Pillow rounds to single precision twice.
                assert!((ours - pillow).abs() < 255.0 * 1e-5, "{size:?} at {place}: {ours} and {pillow}");
            }
        }
    }
}
