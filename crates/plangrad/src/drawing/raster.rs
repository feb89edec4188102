//! A drawing in pixels.

use super::font::{outlines, width_of};
use super::palette::Rgb;
use super::shapes::{Drawing, Primitive, Style};
use crate::picture::Picture;

/// Pixels in a point of files, for screens of today.
const SCALE: f64 = 2.0;

impl Drawing {
    /// The drawing in pixels, two by two for each point; `None` if it has none, or more than a picture may have.
    pub(crate) fn to_picture(&self) -> Option<Picture> {
        self.to_scaled_picture(SCALE)
    }

    /// The same with so many pixels along a point.
    pub(crate) fn to_scaled_picture(&self, scale: f64) -> Option<Picture> {
        let side = |points: f64| (points * scale).ceil().max(0.0) as usize;
        let (width, height) = (side(self.width), side(self.height));
        let bytes =
            width.checked_mul(height)?.checked_mul(3).filter(|&bytes| bytes <= Picture::MOST_BYTES)?;
        let mut canvas = Canvas { width, height, scale, pixels: vec![255; bytes] };
        for shape in &self.shapes {
            canvas.draw(shape);
        }
        Picture::from_rgb(width, height, canvas.pixels)
    }
}

struct Canvas {
    width: usize,
    height: usize,
    /// Pixels in a point.
    scale: f64,
    pixels: Vec<u8>,
}

impl Canvas {
    fn draw(&mut self, shape: &Primitive) {
        let scale = self.scale;
        let pixel = |points: f64| (points * scale).round().max(0.0) as usize;
        match shape {
            Primitive::Box { x, y, width, height, colour } => {
                let (left, top) = (pixel(*x), pixel(*y));
                // However thin it is, it can be seen.
                let (right, bottom) = (pixel(x + width).max(left + 1), pixel(y + height).max(top + 1));
                self.fill([left, top], [right, bottom], *colour);
            }
            Primitive::Line { from, to, width, colour } => {
                let pixels = |point: &[f64; 2]| point.map(|points| points * scale);
                self.line(pixels(from), pixels(to), width * scale, *colour);
            }
            Primitive::Text { x, y, style, text } => self.text([*x, *y], *style, text),
            Primitive::Image { x, y, width, height, picture } => {
                let [left, top] = [*x, *y].map(pixel);
                self.picture([left, top], [pixel(x + width), pixel(y + height)], picture);
            }
            Primitive::Group { shapes, .. } => shapes.iter().for_each(|shape| self.draw(shape)),
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
                self.blend(x, y, share, colour);
            }
        }
    }

    /// The letters of a text: each pixel has as much of the colour as their outlines cover of it.
    fn text(&mut self, [x, y]: [f64; 2], style: Style, text: &str) {
        let before = style.anchor.share() * width_of(text, style.size);
        let (x, y) = if style.is_vertical { (x, y + before) } else { (x - before, y) };
        let [x, y] = [x, y].map(|points| (points * self.scale).round() as i64);
        for outline in outlines(text, style.size * self.scale) {
            let bounds = outline.px_bounds();
            let (left, top) = (bounds.min.x as i64, bounds.min.y as i64);
            outline.draw(|column, row, share| {
                let (along, down) = (left + i64::from(column), top + i64::from(row));
                let place = if style.is_vertical { [x + down, y - along - 1] } else { [x + along, y + down] };
                let [Ok(x), Ok(y)] = place.map(usize::try_from) else { return };
                if x < self.width && y < self.height {
                    self.blend(x, y, f64::from(share).clamp(0.0, 1.0), style.colour);
                }
            });
        }
    }

    /// Fills the pixels from `[left, top]` up to but without `[right, bottom]` with those of a picture.
    fn picture(&mut self, [left, top]: [usize; 2], [right, bottom]: [usize; 2], picture: &Picture) {
        for y in top..bottom.min(self.height) {
            for x in left..right.min(self.width) {
                let of = |place: usize, start: usize, end: usize, pixels: usize| {
                    (place - start) * pixels / (end - start).max(1)
                };
                let colour =
                    picture.rgb(of(x, left, right, picture.width()), of(y, top, bottom, picture.height()));
                self.fill([x, y], [x + 1, y + 1], colour);
            }
        }
    }

    /// Mixes a share of a colour into a pixel.
    fn blend(&mut self, x: usize, y: usize, share: f64, colour: Rgb) {
        let pixel = &mut self.pixels[3 * (y * self.width + x)..][..3];
        for (value, ink) in pixel.iter_mut().zip(colour) {
            *value = (f64::from(*value) * (1.0 - share) + f64::from(ink) * share).round() as u8;
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
    use crate::drawing::{Anchor, TEXT};

    const RED: Rgb = [255, 0, 0];

    fn blank(width: f64, height: f64) -> Drawing {
        Drawing::new("", [width, height])
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
        drawing.text([20.0, 15.0], Style::of(TEXT, Anchor::Middle).coloured(RED), "Hi×");
        let half = width_of("Hi×", TEXT);
        let (start, end) = ((40.0 - half).floor() as usize, (40.0 + half).ceil() as usize);
        let ink = inked(&drawing);
        assert!(ink.iter().all(|&(x, y)| (start..end).contains(&x) && (10..30).contains(&y)), "{ink:?}");
        let column = |x: usize| ink.iter().filter(|pixel| pixel.0 == x).count();
        assert!((start + 2..start + 6).any(|x| column(x) >= 16), "the stem of the H is as high as a capital");
        assert!(ink.iter().any(|&(_, y)| y == 29), "they stand on the line");
    }

    #[test]
    fn a_vertical_text_is_the_same_turned_to_the_left() {
        let style = Style::of(TEXT, Anchor::Start).coloured(RED);
        let (mut flat, mut upright) = (blank(40.0, 40.0), blank(40.0, 40.0));
        flat.text([5.0, 20.0], style, "Fig");
        upright.text([20.0, 35.0], style.vertical(), "Fig");
        let mut turned: Vec<_> = inked(&flat).into_iter().map(|(x, y)| (y, 79 - x)).collect();
        turned.sort_by_key(|&(x, y)| (y, x));
        assert_eq!(inked(&upright), turned);
    }

    #[test]
    fn a_picture_fills_its_place_pixel_by_pixel() {
        let mut drawing = blank(4.0, 3.0);
        drawing.image([1.0, 1.0], [2.0, 1.0], Picture::from_planes(&[1, 1, 2], &[0, 255]).unwrap());
        assert_eq!(inked(&drawing), [(2, 2), (3, 2), (2, 3), (3, 3)]);
    }

    #[test]
    fn a_drawing_larger_than_a_picture_may_be_is_none() {
        assert_eq!(blank(1e9, 1e9).to_picture(), None);
        assert_eq!(blank(0.0, 5.0).to_picture(), None);
    }
}
