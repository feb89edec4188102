//! The handwriting of one digit: slant, size, pen, tremor and position.
//!
//! The control points of a glyph are moved, never its pixels, so strokes stay sharp at any slant. All randomness comes
//! from the given generator. There is no sine or exponential, whose last bits differ between platforms.

use super::glyphs::{Glyph, MAX_POINTS, Stroke};
use super::render::{Canvas, Point, SIDE};
use crate::sampling::Generator;

/// Straight segments of the curve between two control points.
const PIECES: usize = 6;

/// How far a handwriting deviates from the average one: 1 for the training images, more for the test images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread(pub(super) f32);

/// All properties of a drawing except its digit.
#[derive(Debug)]
pub(super) struct Handwriting {
    width: f32,
    height: f32,
    slant: f32,
    turn: f32,
    shift: Point,
    bend: [f32; 4],
    tremor: f32,
    pen: f32,
    softness: f32,
    ink: f32,
    grain: f32,
}

impl Handwriting {
    /// Random properties; lengths are in pixels.
    pub(super) fn random(random: &mut Generator, Spread(spread): Spread) -> Self {
        Self {
            width: 12.5 + 4.0 * spread * random.bell(),
            height: 18.2 + 3.8 * spread * random.bell(),
            slant: 0.08 + 0.65 * spread * random.bell(),
            turn: 0.38 * spread * random.bell(),
            shift: Point { x: 4.0 * spread * random.bell(), y: 3.6 * spread * random.bell() },
            bend: std::array::from_fn(|_| 0.4 * spread * random.bell()),
            tremor: 0.095 * spread,
            pen: 1.15 + 0.85 * random.bell(),
            softness: 0.6 + 0.25 * random.symmetric(),
            ink: 0.9 + 0.1 * random.symmetric(),
            grain: 14.0 + 10.0 * random.symmetric(),
        }
    }

    /// Draws `glyph` and writes its `28 × 28` grey values (0 paper, 255 ink) to `pixels`.
    pub(super) fn draw(&self, glyph: Glyph, random: &mut Generator, pixels: &mut [u8]) {
        let mut canvas = Canvas::new();
        for stroke in glyph {
            self.draw_stroke(stroke, random, &mut canvas);
        }
        for (pixel, &ink) in pixels.iter_mut().zip(canvas.ink()) {
            let grain = self.grain * random.bell();
            *pixel = (255.0 * self.ink * ink + grain + 0.5) as u8; // `as` saturates
        }
    }

    fn draw_stroke(&self, stroke: Stroke, random: &mut Generator, canvas: &mut Canvas) {
        let mut points = [Point { x: 0.0, y: 0.0 }; MAX_POINTS];
        let points = &mut points[..stroke.len()];
        for (point, &(x, y)) in points.iter_mut().zip(stroke) {
            *point = self.place(x + self.tremor * random.bell(), y + self.tremor * random.bell());
        }
        let pressure = 0.12 * random.symmetric(); // the pen grows or shrinks along the stroke
        let pieces = ((points.len() - 1) * PIECES) as f32;
        let mut from = points[0];
        for piece in 1..=(points.len() - 1) * PIECES {
            let to = curve(points, piece);
            let radius = (self.pen * (1.0 + pressure * (piece as f32 / pieces * 2.0 - 1.0))).max(0.45);
            canvas.draw(from, to, radius, self.softness);
            from = to;
        }
    }

    /// The position on the canvas of a point of the unit box.
    fn place(&self, x: f32, y: f32) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        let [a, b, c, d] = self.bend;
        let (bent_x, bent_y) = (x + a * y * y + b * x * y, y + c * x * x + d * x * y);
        let (wide, high) = (bent_x * self.width, bent_y * self.height);
        let leaning = wide - self.slant * high;
        let cosine = 1.0 / (1.0 + self.turn * self.turn).sqrt();
        let sine = self.turn * cosine;
        let middle = SIDE as f32 * 0.5;
        Point {
            x: middle + self.shift.x + cosine * leaning - sine * high,
            y: middle + self.shift.y + sine * leaning + cosine * high,
        }
    }
}

/// End of segment `piece` of the curve through `points`: a Catmull–Rom spline with its end points repeated (Catmull and
/// Rom, "A class of local interpolating splines", 1974).
fn curve(points: &[Point], piece: usize) -> Point {
    let (span, step) = ((piece - 1) / PIECES, (piece - 1) % PIECES + 1);
    let t = step as f32 / PIECES as f32;
    let [p0, p1, p2, p3] =
        [span.saturating_sub(1), span, span + 1, (span + 2).min(points.len() - 1)].map(|i| points[i]);
    let blend = |a: f32, b: f32, c: f32, d: f32| {
        let (linear, square, cube) = (c - a, 2.0 * a - 5.0 * b + 4.0 * c - d, 3.0 * (b - c) + d - a);
        b + 0.5 * t * (linear + t * (square + t * cube))
    };
    Point { x: blend(p0.x, p1.x, p2.x, p3.x), y: blend(p0.y, p1.y, p2.y, p3.y) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_passes_through_its_points_and_is_straight_between_collinear_ones() {
        let points = [(0.0, 0.0), (4.0, 2.0), (8.0, 4.0)].map(|(x, y)| Point { x, y });
        let middle = curve(&points, PIECES);
        let end = curve(&points, 2 * PIECES);
        assert_eq!((middle.x, middle.y, end.x, end.y), (4.0, 2.0, 8.0, 4.0));
        for piece in 1..=2 * PIECES {
            let point = curve(&points, piece);
            assert!((point.x - 2.0 * point.y).abs() < 1e-5, "{point:?}");
        }
    }
}
