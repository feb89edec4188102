//! Drawings of rectangles and words, as SVG and as PNG from one description.
//!
//! A drawing is measured in points, and its letters are [`LETTER`] points wide, so that what fits is known without a font.
//! SVG leaves the letters to the reader's own monospaced font; PNG has them from a font of 8 × 8 pixels. No curves, no
//! transparency, no other font: charts of memory need none.

mod raster;
mod svg;

/// Points from one letter to the next.
pub(crate) const LETTER: f64 = 8.0;

/// Points from one line of text to the next.
pub(crate) const LINE: f64 = 14.0;

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// What is drawn, in this order, on white.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawing {
    /// What it shows, for those who cannot see it.
    pub(crate) title: String,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) shapes: Vec<Shape>,
}

/// One thing drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A filled rectangle.
    Box { x: f64, y: f64, width: f64, height: f64, colour: Rgb },
    /// A line of text; `y` is where its letters stand.
    Text { x: f64, y: f64, anchor: Anchor, colour: Rgb, text: String },
}

/// Which end of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    /// Adds a rectangle.
    pub(crate) fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], colour: Rgb) {
        self.shapes.push(Shape::Box { x, y, width, height, colour });
    }

    /// Adds a line of text.
    pub(crate) fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, colour: Rgb, text: impl Into<String>) {
        self.shapes.push(Shape::Text { x, y, anchor, colour, text: text.into() });
    }
}

/// Points a text is wide.
pub(crate) fn width_of(text: &str) -> f64 {
    LETTER * text.chars().count() as f64
}
