//! Pictures in a terminal: two pixels per character with colours, shades made of text without.
//!
//! `▀` has the colour of the upper pixel on a background of the colour of the lower one. Without colours a pixel is two
//! characters wide, because characters are about twice as high as wide, and a brighter pixel has more ink: this suits
//! light letters on a dark background, as most terminals have them.

use super::{Picture, brightness};
use crate::colour::Colour;
use crate::output::untrusted;

/// Characters from no ink to most.
const SHADES: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];

/// Columns between adjacent pictures.
const GAP: usize = 2;

/// A picture as lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextDrawing {
    lines: Vec<String>,
    /// Columns of a line on a terminal.
    width: usize,
}

impl Picture {
    /// Draws the picture with these colours.
    pub(crate) fn draw(&self, colour: Colour) -> TextDrawing {
        match colour {
            Colour::None => TextDrawing { lines: self.shades(), width: 2 * self.width },
            _ => TextDrawing { lines: self.half_blocks(colour), width: self.width },
        }
    }

    fn shades(&self) -> Vec<String> {
        let shade = |x, y| {
            let level = usize::from(brightness(self.rgb(x, y))) * (SHADES.len() - 1);
            SHADES[(level + 127) / 255]
        };
        (0..self.height).map(|y| (0..self.width).flat_map(|x| [shade(x, y); 2]).collect()).collect()
    }

    fn half_blocks(&self, colour: Colour) -> Vec<String> {
        let lower = |x, y| if y < self.height { self.rgb(x, y) } else { [0; 3] };
        (0..self.height)
            .step_by(2)
            .map(|y| {
                let mut line = String::new();
                let mut selected = None;
                for x in 0..self.width {
                    let pair = (self.rgb(x, y), lower(x, y + 1));
                    if selected.replace(pair) != Some(pair) {
                        line.push_str(&colour.select(pair.0, pair.1));
                    }
                    line.push('▀');
                }
                line + colour.reset()
            })
            .collect()
    }
}

impl TextDrawing {
    /// The lines as text, without trailing spaces.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| line.trim_end_matches(' ')).collect::<Vec<_>>().join("\n")
    }

    /// How many drawings like this fit side by side into `width` columns; at least 1.
    pub(crate) fn fitting(&self, width: usize) -> usize {
        ((width + GAP) / (self.width + GAP)).max(1)
    }
}

/// Drawings of the same size, each with lines of a caption below, as many side by side as fit into `width` columns.
pub(crate) fn side_by_side(drawings: &[(TextDrawing, Vec<String>)], width: usize) -> String {
    let Some((first, _)) = drawings.first() else { return String::new() };
    let mut lines = Vec::new();
    for row in drawings.chunks(first.fitting(width)) {
        for number in 0..first.lines.len() {
            let parts: Vec<&str> =
                row.iter().filter_map(|(drawing, _)| drawing.lines.get(number)).map(String::as_str).collect();
            lines.push(parts.join(&" ".repeat(GAP)));
        }
        for number in 0..row.iter().map(|(_, caption)| caption.len()).max().unwrap_or(0) {
            let line = |(drawing, caption): &(TextDrawing, Vec<String>)| {
                cut(caption.get(number).map_or("", String::as_str), drawing.width)
            };
            lines.push(row.iter().map(line).collect::<Vec<_>>().join(&" ".repeat(GAP)));
        }
        lines.push(String::new());
    }
    lines.pop();
    lines.iter().map(|line| line.trim_end_matches(' ')).collect::<Vec<_>>().join("\n")
}

/// A caption, which may hold a name from outside, in exactly `width` columns.
fn cut(caption: &str, width: usize) -> String {
    let cut: String = untrusted(caption).chars().take(width).collect();
    let padding = " ".repeat(width - cut.chars().count());
    cut + &padding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture::from_planes(&[1, 3, 2], &[0, 255, 128, 64, 255, 255]).unwrap()
    }

    #[test]
    fn two_rows_of_pixels_share_a_line_with_colours() {
        let drawing = picture().draw(Colour::True);
        assert_eq!(drawing.width, 2);
        assert_eq!(
            drawing.lines,
            [
                "\x1b[38;2;0;0;0;48;2;128;128;128m▀\x1b[38;2;255;255;255;48;2;64;64;64m▀\x1b[0m",
                "\x1b[38;2;255;255;255;48;2;0;0;0m▀▀\x1b[0m"
            ]
        );
    }

    #[test]
    fn shades_represent_brightness_without_colours() {
        assert_eq!(picture().draw(Colour::None).lines, ["  @@", "++::", "@@@@"]);
    }

    #[test]
    fn drawings_are_side_by_side_as_far_as_they_fit() {
        let drawing = picture().draw(Colour::None);
        let three = ["one", "two", "thr\u{1b}e"].map(|caption| (drawing.clone(), vec![caption.to_owned()]));
        let expected = "  @@    @@\n++::  ++::\n@@@@  @@@@\none   two\n\n  @@\n++::\n@@@@\nthr";
        assert_eq!(side_by_side(&three, 11), expected);
        assert_eq!(drawing.fitting(1), 1);
    }
}
