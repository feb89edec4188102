//! What drawings are made of.

/// Points from one letter to the next.
pub(crate) const LETTER: f64 = 8.0;

/// Points from one line of text to the next.
pub(crate) const LINE: f64 = 14.0;

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// The colour of words and axes.
pub(crate) const INK: Rgb = [34, 34, 34];

/// The colour that everything is drawn on.
pub(crate) const WHITE: Rgb = [255, 255, 255];

/// Colours of curves and areas: Tableau's, which most colour-blind readers can distinguish.
pub(crate) const BLUE: Rgb = [78, 121, 167];
pub(crate) const ORANGE: Rgb = [242, 142, 43];
pub(crate) const GREEN: Rgb = [89, 161, 79];
pub(crate) const RED: Rgb = [225, 87, 89];
pub(crate) const PURPLE: Rgb = [176, 122, 161];
pub(crate) const YELLOW: Rgb = [237, 201, 72];
pub(crate) const TAUPE: Rgb = [186, 176, 172];

/// What is drawn, in this order, on [`WHITE`].
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
    pub(crate) fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, colour: Rgb, text: impl Into<String>) {
        self.shapes.push(Primitive::Text { x, y, anchor, colour, text: text.into() });
    }
}

/// Points a text is wide.
pub(crate) fn width_of(text: &str) -> f64 {
    LETTER * text.chars().count() as f64
}

/// `text`, without its middle if it is wider than `width` points.
pub(crate) fn shortened(text: &str, width: f64) -> String {
    let most = (width / LETTER) as usize;
    let letters: Vec<char> = text.chars().collect();
    let kept = most.saturating_sub(3) / 2;
    if letters.len() <= most {
        return text.to_owned();
    }
    let (start, end) = (&letters[..kept], &letters[letters.len() - kept..]);
    format!("{}...{}", String::from_iter(start), String::from_iter(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_wide_loses_its_middle() {
        assert_eq!(shortened("batch sizes", 11.0 * LETTER), "batch sizes");
        assert_eq!(shortened("batch sizes", 10.0 * LETTER), "bat...zes");
    }
}
