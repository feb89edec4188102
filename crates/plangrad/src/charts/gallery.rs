//! Pictures side by side, each with a title: what it is, and what a model says it is.

use crate::drawing::{
    Anchor, BLUE, Drawing, GREY, GRID, INK, Rgb, Style, TEXT, VERMILION, shortened, width_of,
};
use crate::picture::{Graphics, Picture, PictureError};

/// Most pictures in a row.
const COLUMNS: usize = 8;

/// Points that a picture's longer side has at most unless asked for otherwise, around everything, of the two lines below a picture,
/// between lines and their neighbours, and across at least.
const SIDE: f64 = 112.0;
const MARGIN: f64 = 16.0;
const LINES: f64 = 46.0;
const BESIDE: f64 = 10.0;
const ACROSS: f64 = 146.0;

/// Points that a column of a terminal is wide, about.
const CELL: f64 = 8.0;

/// Sizes of letters, of which a line has the largest that fit.
const LETTERS: [f64; 3] = [TEXT, 11.0, 10.0];

/// Points above the pictures, for the title.
const TOP: f64 = 48.0;

/// Whether what a model says of a picture is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// There is no label.
    Unknown,
}

/// Pictures under a title.
pub(crate) struct Gallery {
    title: String,
    entries: Vec<Entry>,
    /// Dots on the screen for a pixel; as many as a side of usual size has if absent.
    scale: Option<usize>,
    /// Most pictures in a row.
    columns: usize,
}

struct Entry {
    picture: Picture,
    lines: [String; 2],
    colour: Rgb,
}

impl Gallery {
    /// None yet.
    pub(crate) fn new(title: impl Into<String>) -> Gallery {
        Gallery { title: title.into(), entries: Vec::new(), scale: None, columns: COLUMNS }
    }

    /// The same with so many dots on the screen for each pixel.
    pub(crate) fn scaled(self, scale: Option<usize>) -> Gallery {
        Gallery { scale, ..self }
    }

    /// Whether it has no picture.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a picture with two lines below it.
    pub(crate) fn push(&mut self, picture: Picture, lines: [String; 2], verdict: Verdict) {
        let colour = match verdict {
            Verdict::Right => BLUE,
            Verdict::Wrong => VERMILION,
            Verdict::Unknown => INK,
        };
        self.entries.push(Entry { picture, lines, colour });
    }

    /// What shows them in a terminal that has so many columns; `None` if it shows no pixels.
    ///
    /// # Errors
    /// If it would have more pixels than PNG can encode.
    pub(crate) fn in_terminal(
        &mut self,
        graphics: Graphics,
        columns: usize,
    ) -> Result<Option<String>, PictureError> {
        let fitting = (columns as f64 * CELL - 2.0 * MARGIN) / ACROSS;
        self.columns = (fitting as usize).clamp(1, COLUMNS);
        let drawing = self.draw();
        let scale = if graphics == Graphics::Sixel { 1.0 } else { 2.0 }; // the others bring it to the size asked for
        let Some(picture) = drawing.to_scaled_picture(scale) else { return Ok(None) };
        graphics.draw(&picture, ((drawing.width / CELL) as usize).min(columns))
    }

    /// The drawing.
    pub(crate) fn draw(&self) -> Drawing {
        let columns = self.columns();
        let rows = self.entries.len().div_ceil(columns) as f64;
        let sides = self.entries.iter().map(|entry| self.size(entry));
        let [widest, highest] =
            sides.fold([0.0, 0.0], |most: [f64; 2], size| [0, 1].map(|i| most[i].max(size[i])));
        let (across, down) = ((widest + 2.0 * BESIDE).max(ACROSS), highest + LINES);
        let width = (2.0 * MARGIN + across * columns as f64).max(3.0 * ACROSS);
        let mut drawing = Drawing::new(&self.title, [width, TOP + rows * down + MARGIN / 2.0]);
        drawing.heading([MARGIN + BESIDE, 28.0], width - 2.0 * (MARGIN + BESIDE), &self.title);
        for (i, entry) in self.entries.iter().enumerate() {
            let x = MARGIN + across * (i % columns) as f64;
            let y = TOP + down * (i / columns) as f64;
            let draw = |drawing: &mut Drawing| {
                let [width, height] = self.size(entry);
                let corner = [x + (across - width) / 2.0, y + (highest - height) / 2.0].map(f64::round);
                entry.draw(drawing, corner, [width, height]);
                entry.caption(drawing, [x + across / 2.0, y + highest], across - BESIDE);
            };
            drawing.group(entry.lines.join(", "), draw);
        }
        drawing
    }

    /// How large a picture is in points: whole dots for each pixel, where there are as many.
    fn size(&self, entry: &Entry) -> [f64; 2] {
        let sides = [entry.picture.width(), entry.picture.height()].map(|side| side as f64);
        let fitting = 2.0 * SIDE / sides[0].max(sides[1]);
        let fitting = if fitting < 1.0 { fitting } else { fitting.floor() };
        let scale = self.scale.map_or(fitting, |scale| scale as f64);
        sides.map(|side| side * scale / 2.0)
    }

    /// As many columns as make rows equally long, or nearly.
    fn columns(&self) -> usize {
        let rows = self.entries.len().div_ceil(self.columns).max(1);
        self.entries.len().div_ceil(rows).max(1)
    }
}

impl Entry {
    fn draw(&self, drawing: &mut Drawing, corner: [f64; 2], size: [f64; 2]) {
        drawing.rectangle(corner.map(|side| side - 1.0), size.map(|side| side + 2.0), GRID);
        drawing.image(corner, size, self.picture.clone());
    }

    /// Its two lines below `y`, around `x`.
    fn caption(&self, drawing: &mut Drawing, [x, y]: [f64; 2], width: f64) {
        let [first, second] = &self.lines;
        for (line, y, colour) in [(first, y + 16.0, self.colour), (second, y + 31.0, GREY)] {
            let size = LETTERS.into_iter().find(|&size| width_of(line, size) <= width).unwrap_or(LETTERS[2]);
            let style = Style::of(size, Anchor::Middle).coloured(colour);
            drawing.text([x, y], style, shortened(line, size, width));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_has_its_lines_and_none_lies_on_another() {
        let mut gallery = Gallery::new("<b>");
        for i in 0..11 {
            let picture = Picture::from_planes(&[1, 2, 3], &[0, 255, 0, 255, 0, 255]).unwrap();
            let name = format!("a class with a <long> name number {i}");
            gallery.push(picture, [name, format!("#{i}")], Verdict::Wrong);
        }
        let drawing = gallery.draw();
        drawing.assert_legible();
        assert_eq!(gallery.columns(), 6);
        let svg = drawing.to_svg().unwrap();
        assert_eq!((svg.matches("<image").count(), svg.matches(">#10<").count()), (11, 1));
        assert!(svg.contains("&lt;long&gt; name number 10, #10") && !svg.contains("<b>"), "{svg}");
        let picture = drawing.to_picture().unwrap();
        assert_eq!((picture.width(), picture.height()), (2 * (32 + 6 * 146), 2 * (48 + 2 * (74 + 46) + 8)));
        let side = |scale| gallery.scaled(scale).draw().width;
        assert_eq!(side(Some(400)), 32.0 + 6.0 * (600.0 + 20.0));
        assert!(Gallery::new("").draw().to_picture().is_some());
    }
}
