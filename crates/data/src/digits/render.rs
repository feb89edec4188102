//! An anti-aliased pen on a small canvas: straight segments with round ends, of which the darkest one counts.
//!
//! It uses only `+ - * /`, comparisons and `sqrt` on `f32`, which IEEE 754 rounds exactly (and which the compiler never
//! fuses), so an image has the same bytes on every machine. Curves arrive already divided into segments.

/// Width and height of the canvas in pixels.
pub(super) const SIDE: usize = 28;

/// A point in pixels; `(0, 0)` is the upper left corner, and pixel centres are at halves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// Ink per pixel, from 0 (paper) to 1.
pub(super) struct Canvas {
    ink: [f32; SIDE * SIDE],
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self { ink: [0.0; SIDE * SIDE] }
    }

    pub(super) fn ink(&self) -> &[f32; SIDE * SIDE] {
        &self.ink
    }

    /// Draws a segment with a pen of radius `radius` whose edge fades over `softness` pixels.
    pub(super) fn draw(&mut self, from: Point, to: Point, radius: f32, softness: f32) {
        let reach = radius + softness;
        let columns = pixels_between(from.x.min(to.x) - reach, from.x.max(to.x) + reach);
        for row in pixels_between(from.y.min(to.y) - reach, from.y.max(to.y) + reach) {
            for column in columns.clone() {
                let centre = Point { x: column as f32 + 0.5, y: row as f32 + 0.5 };
                let depth = radius - distance(centre, from, to);
                let ink = (depth / softness * 0.5 + 0.5).clamp(0.0, 1.0);
                let pixel = &mut self.ink[row * SIDE + column];
                *pixel = pixel.max(ink);
            }
        }
    }
}

/// The pixels of the canvas whose centres may be between two coordinates.
fn pixels_between(low: f32, high: f32) -> std::ops::Range<usize> {
    let limit = SIDE as f32;
    (low.clamp(0.0, limit) as usize)..((high + 1.0).clamp(0.0, limit) as usize)
}

/// The distance from a point to a segment.
fn distance(point: Point, from: Point, to: Point) -> f32 {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let (px, py) = (point.x - from.x, point.y - from.y);
    let length_squared = dx * dx + dy * dy;
    let along =
        if length_squared > 0.0 { ((px * dx + py * dy) / length_squared).clamp(0.0, 1.0) } else { 0.0 };
    let (ex, ey) = (px - along * dx, py - along * dy);
    (ex * ex + ey * ey).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horizontal_line_has_the_thickness_of_its_pen_and_a_soft_edge() {
        let mut canvas = Canvas::new();
        canvas.draw(Point { x: 5.0, y: 10.0 }, Point { x: 20.0, y: 10.0 }, 1.0, 0.5);
        let column: Vec<f32> = (7..13).map(|row| canvas.ink()[row * SIDE + 12]).collect();
        assert_eq!(column, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        canvas.draw(Point { x: 5.0, y: 10.5 }, Point { x: 20.0, y: 10.5 }, 1.0, 0.5);
        assert_eq!(canvas.ink()[11 * SIDE + 12], 0.5);
    }

    #[test]
    fn segments_outside_the_canvas_are_clipped() {
        let mut canvas = Canvas::new();
        canvas.draw(Point { x: -50.0, y: -50.0 }, Point { x: -40.0, y: 90.0 }, 2.0, 0.5);
        assert!(canvas.ink().iter().all(|&ink| ink == 0.0));
        canvas.draw(Point { x: -5.0, y: 14.0 }, Point { x: 60.0, y: 14.0 }, 1.0, 0.5);
        assert_eq!(canvas.ink()[14 * SIDE], 1.0);
        assert_eq!(canvas.ink()[14 * SIDE + SIDE - 1], 1.0);
    }
}
