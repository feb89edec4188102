//! What drawings are made of.

use super::palette::{INK, Rgb};
use crate::picture::Picture;

/// Sizes of letters in points: of titles, of texts.
pub(crate) const TITLE: f64 = 16.0;
pub(crate) const TEXT: f64 = 12.0;

/// Points from one line of text to the next.
pub(crate) const LINE: f64 = 16.0;

/// What is drawn, in this order, on white.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawing {
    /// What it shows, for screen readers.
    pub(crate) title: String,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) shapes: Vec<Primitive>,
}

/// One thing drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Primitive {
    /// A filled rectangle.
    Box { x: f64, y: f64, width: f64, height: f64, colour: Rgb },
    /// A line with round ends; a dot where it ends where it begins.
    Line { from: [f64; 2], to: [f64; 2], width: f64, colour: Rgb },
    /// A line of text; `y` is where its letters stand.
    Text { x: f64, y: f64, style: Style, text: String },
    /// A picture, each pixel of which is seen.
    Image { x: f64, y: f64, width: f64, height: f64, picture: Picture },
    /// Things that are one to whoever looks at them, and what they are.
    Group { title: String, shapes: Vec<Primitive> },
}

/// How a text is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    /// Points of an em.
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) colour: Rgb,
    /// From bottom to top.
    pub(crate) is_vertical: bool,
}

/// Which end of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Style {
    /// Text of this size with this end at its place, in ink.
    pub(crate) const fn of(size: f64, anchor: Anchor) -> Style {
        Style { size, anchor, colour: INK, is_vertical: false }
    }

    /// The same in another colour.
    pub(crate) const fn coloured(self, colour: Rgb) -> Style {
        Style { colour, ..self }
    }

    /// The same from bottom to top.
    pub(crate) const fn vertical(self) -> Style {
        Style { is_vertical: true, ..self }
    }
}

impl Anchor {
    /// How much of a text lies before its place.
    pub(super) fn share(self) -> f64 {
        match self {
            Anchor::Start => 0.0,
            Anchor::Middle => 0.5,
            Anchor::End => 1.0,
        }
    }
}

impl Drawing {
    /// Nothing yet.
    pub(crate) fn new(title: impl Into<String>, [width, height]: [f64; 2]) -> Drawing {
        Drawing { title: title.into(), width, height, shapes: Vec::new() }
    }

    /// Adds a rectangle.
    pub(crate) fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], colour: Rgb) {
        self.shapes.push(Primitive::Box { x, y, width, height, colour });
    }

    /// Adds a line with round ends.
    pub(crate) fn line(&mut self, from: [f64; 2], to: [f64; 2], width: f64, colour: Rgb) {
        self.shapes.push(Primitive::Line { from, to, width, colour });
    }

    /// Adds a dot.
    pub(crate) fn dot(&mut self, middle: [f64; 2], diameter: f64, colour: Rgb) {
        self.line(middle, middle, diameter, colour);
    }

    /// Adds a line of text.
    pub(crate) fn text(&mut self, [x, y]: [f64; 2], style: Style, text: impl Into<String>) {
        self.shapes.push(Primitive::Text { x, y, style, text: text.into() });
    }

    /// Adds a picture.
    pub(crate) fn image(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], picture: Picture) {
        self.shapes.push(Primitive::Image { x, y, width, height, picture });
    }

    /// Makes one thing with this title of everything that `draw` adds.
    pub(crate) fn group(&mut self, title: impl Into<String>, draw: impl FnOnce(&mut Drawing)) {
        let before = self.shapes.len();
        draw(self);
        let shapes = self.shapes.split_off(before);
        self.shapes.push(Primitive::Group { title: title.into(), shapes });
    }
}

#[cfg(test)]
impl Drawing {
    /// Everything drawn, without groups.
    pub(crate) fn flat(&self) -> Vec<&Primitive> {
        fn add<'a>(shapes: &'a [Primitive], flat: &mut Vec<&'a Primitive>) {
            for shape in shapes {
                match shape {
                    Primitive::Group { shapes, .. } => add(shapes, flat),
                    shape => flat.push(shape),
                }
            }
        }
        let mut flat = Vec::new();
        add(&self.shapes, &mut flat);
        flat
    }

    /// Left, right and foot of everything written from left to right, with the text.
    pub(crate) fn texts(&self) -> Vec<([f64; 3], String)> {
        let texts = self.flat().into_iter().filter_map(|shape| match shape {
            Primitive::Text { x, y, style, text } if !style.is_vertical => {
                let width = super::font::width_of(text, style.size);
                let start = x - style.anchor.share() * width;
                Some(([start, start + width, *y], text.clone()))
            }
            _ => None,
        });
        texts.collect()
    }

    /// Fails where a text lies on another or juts out.
    #[track_caller]
    pub(crate) fn assert_legible(&self) {
        let texts = self.texts();
        for (i, ([start, end, y], text)) in texts.iter().enumerate() {
            assert!(*start >= 0.0 && *end <= self.width && *y > 8.0 && *y < self.height, "{text} juts out");
            for ([other_start, other_end, other_y], other) in &texts[i + 1..] {
                let apart = end <= other_start || other_end <= start || (y - other_y).abs() >= 9.0;
                assert!(apart, "`{text}` lies on `{other}`");
            }
        }
    }
}
