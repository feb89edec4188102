//! A drawing in pixels.

use font8x8::{BASIC_FONTS, GREEK_FONTS, LATIN_FONTS, UnicodeFonts};

use super::shapes::{Anchor, Drawing, LETTER, Primitive, Rgb, width_of};
use crate::picture::Picture;

/// Pixels in a point: letters of the 8 × 8 font become 16 × 16.
const SCALE: f64 = 2.0;

/// Pixels in a dot of a letter.
const DOT: usize = 2;

impl Drawing {
    /// The drawing in pixels, two by two for each point; `None` if it has none, or more than a picture may have.
    pub(crate) fn to_picture(&self) -> Option<Picture> {
        let side = |points: f64| (points * SCALE).ceil().max(0.0) as usize;
        let (width, height) = (side(self.width), side(self.height));
        let bytes =
            width.checked_mul(height)?.checked_mul(3).filter(|&bytes| bytes <= Picture::MOST_BYTES)?;
        let mut canvas = Canvas { width, height, pixels: vec![255; bytes] };
        for shape in &self.shapes {
            canvas.draw(shape);
        }
        Picture::from_rgb(width, height, canvas.pixels)
    }
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn draw(&mut self, shape: &Primitive) {
        match shape {
            Primitive::Box { x, y, width, height, colour } => {
                let pixel = |points: f64| (points * SCALE).round().max(0.0) as usize;
                let (left, top) = (pixel(*x), pixel(*y));
                // However thin it is, it can be seen.
                let (right, bottom) = (pixel(x + width).max(left + 1), pixel(y + height).max(top + 1));
                self.fill([left, top], [right, bottom], *colour);
            }
            Primitive::Line { from, to, width, colour } => {
                let pixels = |point: &[f64; 2]| point.map(|points| points * SCALE);
                self.line(pixels(from), pixels(to), width * SCALE, *colour);
            }
            Primitive::Text { x, y, anchor, colour, text } => {
                let start = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - width_of(text) / 2.0,
                    Anchor::End => x - width_of(text),
                };
                for (i, letter) in text.chars().enumerate() {
                    self.letter(letter, start + LETTER * i as f64, *y, *colour);
                }
            }
        }
    }

    /// A line with round ends, in pixels: each pixel has as much of the colour as the line covers of it.
    fn line(&mut self, from: [f64; 2], to: [f64; 2], width: f64, colour: Rgb) {
        let reach = width / 2.0 + 1.0;
        let range = |axis: usize, pixels: usize| {
            let (low, high) = (from[axis].min(to[axis]) - reach, from[axis].max(to[axis]) + reach);
            low.max(0.0) as usize..(high.max(0.0).ceil() as usize).min(pixels)
        };
        for y in range(1, self.height) {
            for x in range(0, self.width) {
                let distance = distance([x as f64 + 0.5, y as f64 + 0.5], from, to);
                let share = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                let pixel = &mut self.pixels[3 * (y * self.width + x)..][..3];
                for (value, ink) in pixel.iter_mut().zip(colour) {
                    *value = (f64::from(*value) * (1.0 - share) + f64::from(ink) * share).round() as u8;
                }
            }
        }
    }

    fn letter(&mut self, letter: char, x: f64, y: f64, colour: Rgb) {
        let fonts = [BASIC_FONTS.get(letter), LATIN_FONTS.get(letter), GREEK_FONTS.get(letter)];
        let rows = fonts.into_iter().flatten().next().or(BASIC_FONTS.get('?')).unwrap_or_default();
        // The lowest row of a letter is for what hangs below the line.
        let (left, top) = ((x * SCALE).round() as isize, (y * SCALE).round() as isize - 7 * DOT as isize);
        for (row, bits) in rows.into_iter().enumerate() {
            for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                let place = [left + (column * DOT) as isize, top + (row * DOT) as isize];
                let [Ok(x), Ok(y)] = place.map(usize::try_from) else { continue };
                self.fill([x, y], [x + DOT, y + DOT], colour);
            }
        }
    }

    /// Fills the pixels from `[left, top]` up to but without `[right, bottom]`, as far as there are any.
    fn fill(&mut self, [left, top]: [usize; 2], [right, bottom]: [usize; 2], colour: Rgb) {
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        for y in top..bottom {
            for x in left..right {
                self.pixels[3 * (y * self.width + x)..][..3].copy_from_slice(&colour);
            }
        }
    }
}

/// How far a point is from the line between two others.
fn distance(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let offset = [point[0] - from[0], point[1] - from[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { (offset[0] * along[0] + offset[1] * along[1]) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    (offset[0] - share * along[0]).hypot(offset[1] - share * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgb = [255, 0, 0];

    fn blank(width: f64, height: f64) -> Drawing {
        Drawing { title: String::new(), width, height, shapes: Vec::new() }
    }

    /// Pixels that are not white, as `(x, y)`.
    fn inked(drawing: &Drawing) -> Vec<(usize, usize)> {
        let picture = drawing.to_picture().unwrap();
        let planes = picture.planes();
        let size = picture.width() * picture.height();
        let ink = (0..size).filter(|&i| [0, 1, 2].iter().any(|plane| planes[plane * size + i] != 255));
        ink.map(|i| (i % picture.width(), i / picture.width())).collect()
    }

    #[test]
    fn a_rectangle_fills_its_pixels_and_is_cut_at_the_edge() {
        let mut drawing = blank(4.0, 3.0);
        drawing.rectangle([1.0, 1.0], [1.0, 0.5], RED);
        assert_eq!(inked(&drawing), [(2, 2), (3, 2)]);
        drawing.rectangle([3.5, 2.5], [100.0, 100.0], RED);
        assert_eq!(inked(&drawing).len(), 3);
    }

    #[test]
    fn what_is_too_thin_for_a_pixel_has_one_all_the_same() {
        let mut drawing = blank(4.0, 3.0);
        drawing.rectangle([1.0, 1.0], [1.0, 0.001], RED);
        assert_eq!(inked(&drawing).len(), 2);
    }

    #[test]
    fn a_line_covers_what_lies_between_its_ends_and_a_dot_is_round() {
        let mut drawing = blank(10.0, 10.0);
        drawing.line([2.0, 3.0], [8.0, 3.0], 1.0, RED);
        let ink = inked(&drawing);
        assert!((4..16).all(|x| ink.contains(&(x, 5)) && ink.contains(&(x, 6))), "{ink:?}");
        assert!(ink.iter().all(|&(x, y)| (3..17).contains(&x) && (5..7).contains(&y)), "{ink:?}");
        let mut drawing = blank(10.0, 10.0);
        drawing.dot([5.0, 5.0], 4.0, RED);
        let ink = inked(&drawing);
        let mirrored: Vec<_> = ink.iter().map(|&(x, y)| (19 - x, 19 - y)).rev().collect();
        assert_eq!(ink, mirrored);
        assert!(ink.contains(&(10, 6)) && !ink.contains(&(6, 6)), "{ink:?}");
        let mut drawing = blank(4.0, 3.0);
        drawing.line([-50.0, -50.0], [-10.0, 90.0], 1.0, RED);
        assert!(inked(&drawing).is_empty(), "what lies outside is not drawn");
    }

    #[test]
    fn letters_stand_on_their_line_and_keep_to_their_width() {
        let mut drawing = blank(40.0, 20.0);
        drawing.text([20.0, 15.0], Anchor::Middle, RED, "W×");
        let ink = inked(&drawing);
        assert!(!ink.is_empty());
        assert!(ink.iter().all(|&(x, y)| (24..56).contains(&x) && (16..32).contains(&y)), "{ink:?}");
    }

    #[test]
    fn a_drawing_larger_than_a_picture_may_be_is_none() {
        assert_eq!(blank(1e9, 1e9).to_picture(), None);
        assert_eq!(blank(0.0, 5.0).to_picture(), None);
    }
}
