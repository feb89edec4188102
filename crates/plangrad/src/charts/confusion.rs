//! Which classes are taken for which, as a matrix of colours, with the figures of each class beside it.

use crate::drawing::{
    Anchor, BLUE, Drawing, GREY, GRID, LINE, Style, TEXT, VERMILION, letters_on, shade, shortened, width_of,
};
use crate::model::{ClassQuality, Classification};
use crate::numbers::{grouped, grouped_bytes, percent};
use crate::output::untrusted;

/// Sides of a cell: the largest, the smallest, and that of all together where there is room.
const LARGEST: f64 = 44.0;
const SMALLEST: f64 = 12.0;
const ALL: f64 = 520.0;

/// Points that a class name may be wide, and the least size of letters in a cell.
const NAME: f64 = 140.0;
const LEAST: f64 = 5.5;

/// Points around everything, between the matrix and what is beside it, and the width of a figure's column.
const MARGIN: f64 = 20.0;
const GAP: f64 = 10.0;
const FIGURE: f64 = 70.0;

/// Points of the bars that explain the colours.
const BAR: [f64; 2] = [160.0, 10.0];

/// Points across of all that explains the colours.
const LEGEND: f64 = 2.0 * (BAR[0] + 80.0);

/// Steps of such a bar.
const STEPS: usize = 80;

/// A confusion matrix to be drawn.
pub(crate) struct ConfusionChart {
    title: String,
    /// How often a label, row by row, was predicted as a class.
    matrix: Vec<Vec<u64>>,
    classes: Vec<ClassQuality>,
    names: Vec<String>,
    cell: f64,
}

impl ConfusionChart {
    /// A matrix of these classes under this title.
    pub(crate) fn new(
        title: String,
        matrix: Vec<Vec<u64>>,
        found: &Classification,
        names: &[String],
    ) -> Self {
        let cell = (ALL / matrix.len().max(1) as f64).clamp(SMALLEST, LARGEST);
        let names = names.iter().map(|name| shortened(&untrusted(name), letters(cell), NAME)).collect();
        ConfusionChart { title, matrix, classes: found.classes.clone(), names, cell }
    }

    /// The drawing.
    pub(crate) fn draw(&self) -> Drawing {
        let side = self.cell * self.matrix.len() as f64;
        let names = self.widest_name();
        let left = MARGIN + LINE + GAP + names + GAP / 2.0;
        let top = 54.0 + LINE + if self.has_vertical_names() { names + GAP } else { LINE + 4.0 };
        let width = left + (side + GAP + 4.0 * FIGURE).max(LEGEND) + MARGIN;
        let height = top + side + GAP + 3.0 * LINE + MARGIN;
        let mut drawing = Drawing::new(&self.title, [width, height]);
        drawing.heading([MARGIN, 28.0], width - 2.0 * MARGIN, &self.title);
        self.names(&mut drawing, [left, top]);
        self.cells(&mut drawing, [left, top]);
        self.figures(&mut drawing, [left + side + GAP, top]);
        legend(&mut drawing, [left, top + side + GAP + LINE]);
        drawing
    }

    fn widest_name(&self) -> f64 {
        let widths = self.names.iter().map(|name| width_of(name, letters(self.cell)));
        widths.fold(0.0, f64::max)
    }

    fn has_vertical_names(&self) -> bool {
        self.widest_name() > self.cell - 4.0
    }

    /// Names of the rows and columns, and what they are names of.
    fn names(&self, drawing: &mut Drawing, [left, top]: [f64; 2]) {
        let side = self.cell * self.matrix.len() as f64;
        let size = letters(self.cell);
        let middle = |i: usize| self.cell * (i as f64 + 0.5);
        for (i, name) in self.names.iter().enumerate() {
            let row = [left - GAP / 2.0, top + middle(i) + 0.36 * size];
            drawing.text(row, Style::of(size, Anchor::End), name);
            let (place, style) = if self.has_vertical_names() {
                ([left + middle(i) + 0.36 * size, top - GAP / 2.0], Style::of(size, Anchor::Start).vertical())
            } else {
                ([left + middle(i), top - GAP / 2.0], Style::of(size, Anchor::Middle))
            };
            drawing.text(place, style, name);
        }
        let axis = Style::of(TEXT, Anchor::Middle).coloured(GREY);
        drawing.text([left + side / 2.0, 54.0], axis, "predicted");
        drawing.text([MARGIN + LINE - 4.0, top + side / 2.0], axis.vertical(), "label");
    }

    fn cells(&self, drawing: &mut Drawing, [left, top]: [f64; 2]) {
        for (label, row) in self.matrix.iter().enumerate() {
            let samples: u64 = row.iter().sum();
            for (class, &count) in row.iter().enumerate() {
                let place = [left + self.cell * class as f64, top + self.cell * label as f64];
                let share = if samples == 0 { 0.0 } else { count as f64 / samples as f64 };
                let [of, as_class] = [label, class].map(|class| &self.names[class]);
                let title =
                    format!("label {of}, predicted {as_class}: {count} of {samples}, {}", percent(share));
                let draw = |drawing: &mut Drawing| self.cell(drawing, place, count, share, label == class);
                drawing.group(title, draw);
            }
        }
    }

    fn cell(&self, drawing: &mut Drawing, [x, y]: [f64; 2], count: u64, share: f64, is_right: bool) {
        let fill = colour(share, is_right);
        drawing.rectangle([x, y], [self.cell, self.cell], GRID);
        drawing.rectangle([x + 0.5, y + 0.5], [self.cell - 1.0, self.cell - 1.0], fill);
        let text = grouped_bytes(count);
        let room = self.cell - 2.0;
        let size = (letters(self.cell) * room / width_of(&text, letters(self.cell))).min(letters(self.cell));
        if count > 0 && size >= LEAST {
            let style = Style::of(size, Anchor::Middle).coloured(letters_on(fill));
            drawing.text([x + self.cell / 2.0, y + self.cell / 2.0 + 0.36 * size], style, text);
        }
    }

    /// Precision, recall and F1 of each class, and its samples.
    fn figures(&self, drawing: &mut Drawing, [left, top]: [f64; 2]) {
        let right = |column: usize| left + FIGURE * (column + 1) as f64;
        let heading = Style::of(TEXT, Anchor::End).coloured(GREY);
        for (column, name) in ["precision", "recall", "F1", "samples"].into_iter().enumerate() {
            drawing.text([right(column), top - GAP / 2.0], heading, name);
        }
        let size = letters(self.cell);
        for (i, class) in self.classes.iter().take(self.matrix.len()).enumerate() {
            let [precision, recall, f1] = [class.precision(), class.recall(), class.f1()].map(percent);
            let samples = grouped(class.labelled as usize);
            let y = top + self.cell * (i as f64 + 0.5) + 0.36 * size;
            for (column, text) in [precision, recall, f1, samples].into_iter().enumerate() {
                drawing.text([right(column), y], Style::of(size, Anchor::End), text);
            }
        }
    }
}

/// The size of letters beside and in cells of this size.
fn letters(cell: f64) -> f64 {
    TEXT.min(cell * 0.72)
}

/// Right predictions in blue, mistakes in vermilion, whose shares are small: its depth grows with their root.
fn colour(share: f64, is_right: bool) -> [u8; 3] {
    if is_right { shade(BLUE, share) } else { shade(VERMILION, share.sqrt()) }
}

/// What the colours mean.
fn legend(drawing: &mut Drawing, [left, y]: [f64; 2]) {
    let [width, height] = BAR;
    let mut x = left;
    for (name, is_right) in [("right", true), ("mistaken", false)] {
        drawing.text([x, y], Style::of(TEXT, Anchor::Start), name);
        let bar = x + width_of(name, TEXT) + GAP;
        let step = width / STEPS as f64;
        for i in 0..STEPS {
            let share = (i as f64 + 0.5) / STEPS as f64;
            drawing.rectangle([bar + step * i as f64, y - 9.0], [step, height], colour(share, is_right));
        }
        for (share, anchor) in [(0.0, Anchor::Start), (0.5, Anchor::Middle), (1.0, Anchor::End)] {
            let style = Style::of(10.0, anchor).coloured(GREY);
            drawing.text([bar + share * width, y + 13.0], style, format!("{} %", 100.0 * share));
        }
        x = bar + width + 2.0 * GAP;
    }
    drawing.text(
        [left, y + 2.0 * LINE],
        Style::of(TEXT, Anchor::Start).coloured(GREY),
        "share of the samples with a label",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(names: &[&str], samples: &[(usize, usize, u64)]) -> ConfusionChart {
        let mut matrix = vec![vec![0; names.len()]; names.len()];
        samples.iter().for_each(|&(label, class, count)| matrix[label][class] = count);
        let each = samples.iter().flat_map(|&(label, class, count)| (0..count).map(move |_| (label, class)));
        let found = Classification::of(names.len(), each.map(|(label, class)| (label, class, &[][..])));
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        ConfusionChart::new("a title".to_owned(), matrix, &found, &names)
    }

    #[test]
    fn each_cell_and_figure_is_there_and_names_are_no_markup() {
        let drawing =
            chart(&["cat", "<script>alert(1)</script>"], &[(0, 0, 12), (1, 0, 3), (1, 1, 9)]).draw();
        drawing.assert_legible();
        let svg = drawing.to_svg().unwrap();
        for text in [
            "label cat, predicted cat: 12 of 12, 100.00 %",
            "&lt;script&gt;",
            "predicted cat: 3 of 12, 25.00 %",
            ">12<",
            ">80.00 %<",
            ">75.00 %<",
            "precision",
        ] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        assert!(!svg.contains("<script>"), "{svg}");
    }

    #[test]
    fn a_right_prediction_and_a_mistake_differ_in_colour_and_both_grow_darker() {
        for is_right in [true, false] {
            let depth = |share| colour(share, is_right).iter().map(|&value| u32::from(value)).sum::<u32>();
            assert!([0.0, 0.01, 0.1, 0.5, 1.0].windows(2).all(|two| depth(two[0]) > depth(two[1])));
        }
        assert_ne!(colour(0.9, true), colour(0.9, false));
    }

    #[test]
    fn many_classes_with_long_names_are_legible() {
        let names: Vec<String> = (0..100).map(|i| format!("a class with the long name number {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let drawing = chart(&names, &[(0, 99, 70_000), (5, 5, 1)]).draw();
        drawing.assert_legible();
        assert!(drawing.to_picture().is_some());
        assert!(chart(&[], &[]).draw().to_picture().is_some());
    }
}
