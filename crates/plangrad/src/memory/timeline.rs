//! Which buffers are alive when, and where: a plan's arena over the stages of a step, as a drawing and as text.
//!
//! Offsets grow upwards, stages from left to right. The persistent and the transient part have separate scales, because for
//! small batches one is hundreds of times the other.

use std::fmt::Write;

use plangrad_tensor::{BufferInfo, Category, Plan};

use crate::colour::Colour;
use crate::drawing::{
    Anchor, BLUE, Drawing, GREEN, GREY, GRID, LINE, ORANGE, PURPLE, Rgb, SKY, Style, TAUPE, TEXT, VERMILION,
    WHITE, YELLOW, binary_step, bytes_in_steps, letters_on, shade, width_of,
};
use crate::numbers::{grouped, grouped_bytes, size};
use crate::output::{Align, Table};

const PALE: Rgb = [246, 246, 246];

/// Points left and right of the stages; the left has room for offsets.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;

/// Height of the part that persists and of the part that does not.
const PERSISTENT: f64 = 150.0;
const TRANSIENT: f64 = 400.0;

/// Width of a stage where kernels are written beneath it, and of all stages where there are too many for that.
const STAGE: f64 = 152.0;
const MOST_WITH_KERNELS: usize = 24;
const WIDTH_OF_MANY: f64 = 2400.0;

/// Points before and behind what stands in a stage, from the mark of a kernel to its name, and between columns of the legend.
const PADDING: f64 = 5.0;
const INDENT: f64 = 10.0;
const COLUMNS: [f64; 2] = [18.0, 236.0];

/// How much of its colour an area has.
const DEPTH: f64 = 0.7;

/// Most offsets written along a part.
const MOST_TICKS: usize = 5;

/// Stages that have two characters each in a terminal; more have one.
const MOST_WIDE: usize = 24;

/// A plan to be drawn.
pub(crate) struct Timeline {
    title: String,
    buffers: Vec<BufferInfo>,
    stages: Vec<Vec<String>>,
    persistent_bytes: usize,
    bytes: usize,
    counted: Vec<(Category, u64)>,
}

impl Timeline {
    /// The step of `plan`, under this title.
    pub(crate) fn new(plan: &Plan, title: String) -> Timeline {
        let buffers = plan.buffers();
        let transient = buffers.iter().filter(|buffer| !buffer.is_persistent);
        let report = plan.report();
        let counted = Category::ALL.map(|category| (category, report.get(category)));
        Timeline {
            title,
            persistent_bytes: transient.map(|buffer| buffer.offset).min().unwrap_or(plan.bytes()),
            bytes: plan.bytes(),
            stages: plan.describe(),
            counted: counted.into_iter().filter(|&(_, bytes)| bytes > 0).collect(),
            buffers,
        }
    }

    /// Width of a stage in points.
    fn stage(&self) -> f64 {
        if self.has_kernels() { STAGE } else { WIDTH_OF_MANY / self.stages.len() as f64 }
    }

    fn has_kernels(&self) -> bool {
        self.stages.len() <= MOST_WITH_KERNELS
    }

    /// The drawing.
    pub(crate) fn draw(&self) -> Drawing {
        let across = self.across();
        let kernels: Vec<Vec<KernelLine>> = self.stages.iter().map(|names| self.wrapped(names)).collect();
        let deepest = kernels.iter().map(Vec::len).max().unwrap_or(0) as f64;
        let top = 68.0;
        let [transient, persistent] = [top, top + TRANSIENT + 40.0];
        let axis = persistent + PERSISTENT;
        let legend = axis + 44.0 + deepest * LINE;
        let height = legend + LINE * self.counted.len() as f64 + 12.0;
        let width = LEFT + across.max(3.0 * STAGE) + RIGHT;
        let mut drawing = Drawing::new(&self.title, [width, height]);
        drawing.heading([LEFT, 28.0], width - LEFT - RIGHT, &self.title);
        self.part(&mut drawing, [transient, TRANSIENT], false, "during a step");
        self.part(&mut drawing, [persistent, PERSISTENT], true, "kept from step to step");
        self.axis(&mut drawing, axis, &kernels);
        self.legend(&mut drawing, legend);
        drawing
    }

    fn across(&self) -> f64 {
        self.stage() * self.stages.len() as f64
    }

    /// One of the two parts, to its own scale, between `top` and `top + height`.
    fn part(&self, drawing: &mut Drawing, [top, height]: [f64; 2], is_persistent: bool, name: &str) {
        let (first, last) =
            if is_persistent { (0, self.persistent_bytes) } else { (self.persistent_bytes, self.bytes) };
        let bytes = (last - first).max(1) as f64;
        let y = |offset: usize| top + height * (1.0 - (offset - first) as f64 / bytes);
        let heading = format!("{name}: {}", size((last - first) as u64));
        drawing.text([LEFT, top - 8.0], Style::of(TEXT, Anchor::Start), heading);
        drawing.rectangle([LEFT, top], [self.across(), height], PALE);
        let (step, offsets) = ticks(first, last);
        for offset in offsets {
            drawing.rectangle([LEFT, y(offset) - 0.5], [self.across(), 1.0], GRID);
            drawing.rectangle([LEFT - 5.0, y(offset) - 0.5], [5.0, 1.0], GREY);
            let style = Style::of(TEXT, Anchor::End).coloured(GREY);
            drawing.text([LEFT - 9.0, y(offset) + 4.0], style, bytes_in_steps(offset as f64, step as f64));
        }
        for buffer in self.buffers.iter().filter(|buffer| buffer.is_persistent == is_persistent) {
            let x = LEFT + self.stage() * buffer.first_stage as f64;
            let stages = (buffer.last_stage + 1 - buffer.first_stage) as f64;
            let (low, high) = (y(buffer.offset), y(buffer.offset + buffer.bytes));
            let area = [self.stage() * stages, (low - high).max(1.0)];
            drawing.group(described(buffer), |drawing| bar(drawing, buffer, [x, low - area[1]], area));
        }
    }

    /// Numbers of the stages, and the kernels of each beneath it.
    fn axis(&self, drawing: &mut Drawing, y: f64, kernels: &[Vec<KernelLine>]) {
        let every = self.stages.len().div_ceil(MOST_WITH_KERNELS);
        for (stage, lines) in kernels.iter().enumerate() {
            let left = LEFT + self.stage() * stage as f64;
            drawing.rectangle([left, y], [1.0, 6.0], GREY);
            if stage.is_multiple_of(every) {
                let number = format!("{}{}", if stage == 0 { "stage " } else { "" }, stage + 1);
                let style = Style::of(TEXT, Anchor::Start).coloured(GREY);
                drawing.text([left + PADDING, y + 18.0], style, number);
            }
            for (i, line) in lines.iter().enumerate() {
                let (x, y) = (left + PADDING, y + 22.0 + LINE * (i + 1) as f64);
                if line.is_first {
                    drawing.dot([x + 2.0, y - 4.0], 3.0, GREY);
                }
                drawing.text([x + INDENT, y], Style::of(TEXT, Anchor::Start), &line.text);
            }
        }
    }

    fn legend(&self, drawing: &mut Drawing, y: f64) {
        for (i, (category, bytes)) in self.counted.iter().enumerate() {
            let y = y + LINE * i as f64;
            drawing.rectangle([LEFT, y], [10.0, 10.0], colour(*category));
            let [name, number] = COLUMNS.map(|column| LEFT + column);
            drawing.text([name, y + 9.5], Style::of(TEXT, Anchor::Start), category.name());
            let bytes = format!("{} B", grouped_bytes(*bytes));
            drawing.text([number, y + 9.5], Style::of(TEXT, Anchor::End), bytes);
        }
    }

    /// The names of a stage's kernels in lines that fit beneath it; none where stages are too many.
    fn wrapped(&self, kernels: &[String]) -> Vec<KernelLine> {
        if !self.has_kernels() {
            return Vec::new();
        }
        let most = STAGE - 2.0 * PADDING - INDENT;
        let mut lines: Vec<KernelLine> = Vec::new();
        for kernel in kernels {
            let mut line = KernelLine { text: String::new(), is_first: true };
            for word in kernel.split(' ') {
                let longer =
                    if line.text.is_empty() { word.to_owned() } else { format!("{} {word}", line.text) };
                if width_of(&longer, TEXT) > most && !line.text.is_empty() {
                    let next = KernelLine { text: word.to_owned(), is_first: false };
                    lines.push(std::mem::replace(&mut line, next));
                } else {
                    line.text = longer;
                }
            }
            lines.push(line);
        }
        lines
    }

    /// The same as text, one line for each buffer, with these colours.
    pub(crate) fn text(&self, colours: Colour) -> String {
        let cell = if self.stages.len() <= MOST_WIDE { 2 } else { 1 };
        let mut table = Table::new([
            ("offset", Align::Right),
            ("bytes", Align::Right),
            ("buffer", Align::Left),
            ("category", Align::Left),
            ("stages", Align::Left),
        ]);
        if cell == 2 {
            let numbers: String =
                (1..=self.stages.len()).map(|stage| format!("{:<2}", stage % 100)).collect();
            table.row_with_drawing([""; 4], numbers);
        }
        for buffer in &self.buffers {
            let cells = [
                grouped(buffer.offset),
                grouped(buffer.bytes),
                named(buffer),
                buffer.category.name().to_owned(),
            ];
            table.row_with_drawing(cells, self.bar_of_text(buffer, cell, colours));
        }
        let mut text = format!("{}\n\n{table}\n", self.title);
        for (stage, kernels) in self.stages.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{:>6}  {}", stage + 1, kernels.join(" | "));
        }
        text
    }

    /// `··████··`: before, during and after a buffer's life.
    fn bar_of_text(&self, buffer: &BufferInfo, cell: usize, colours: Colour) -> String {
        let after = self.stages.len() - buffer.last_stage.min(self.stages.len() - 1) - 1;
        let live = "█".repeat(cell * (buffer.last_stage + 1 - buffer.first_stage));
        let shade = colour(buffer.category);
        let live = match colours {
            Colour::None => live,
            _ => format!("{}{live}{}", colours.select(shade, [0; 3]), colours.reset()),
        };
        format!("{}{live}{}", "·".repeat(cell * buffer.first_stage), "·".repeat(cell * after))
    }
}

/// A line of a kernel's name.
struct KernelLine {
    text: String,
    is_first: bool,
}

/// The distance between offsets to write, and the offsets from `first` to `last`: round ones in KiB or MiB.
fn ticks(first: usize, last: usize) -> (usize, Vec<usize>) {
    let step = binary_step((last - first) as f64 / MOST_TICKS as f64) as usize;
    (step, (first.div_ceil(step)..=last / step).map(|i| i * step).collect())
}

/// Everything about a buffer in a sentence.
fn described(buffer: &BufferInfo) -> String {
    let (bytes, offset) = (grouped(buffer.bytes), grouped(buffer.offset));
    let stages = match (buffer.first_stage + 1, buffer.last_stage + 1) {
        (first, last) if first == last => format!("stage {first}"),
        (first, last) => format!("stages {first} to {last}"),
    };
    format!("{}: {bytes} bytes at offset {offset}, {stages}; {}", named(buffer), buffer.category.name())
}

/// `layer1.weight 128×784`
fn named(buffer: &BufferInfo) -> String {
    let shape: Vec<String> = buffer.shape.iter().map(usize::to_string).collect();
    format!("{} {}", buffer.name, shape.join("×"))
}

/// A buffer's rectangle, with as much of its name and size as there is room for.
fn bar(drawing: &mut Drawing, buffer: &BufferInfo, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
    let fill = colour(buffer.category);
    let edge = if height > 4.0 { 1.0 } else { 0.0 };
    drawing.rectangle([x, y], [width, height], WHITE);
    drawing.rectangle([x + 0.5, y + edge / 2.0], [width - 1.0, height - edge], fill);
    let name = named(buffer);
    let texts = [format!("{name}, {} B", grouped(buffer.bytes)), name, buffer.name.clone()];
    let fits = texts.into_iter().find(|text| width_of(text, TEXT) + 2.0 * PADDING <= width);
    if let Some(text) = fits.filter(|_| height >= 13.0) {
        let style = Style::of(TEXT, Anchor::Middle).coloured(letters_on(fill));
        drawing.text([x + width / 2.0, y + height / 2.0 + 4.5], style, text);
    }
}

/// Not in full depth, since the areas are large and carry letters.
fn colour(category: Category) -> Rgb {
    let full = match category {
        Category::Parameters => BLUE,
        Category::Gradients => ORANGE,
        Category::OptimizerState => PURPLE,
        Category::Batch => GREEN,
        Category::Activations => VERMILION,
        Category::Dataset => YELLOW,
        Category::Workspace => TAUPE,
        _ => SKY,
    };
    shade(full, DEPTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_round_and_within_the_part() {
        assert_eq!(ticks(0, 3 << 20).1, [0, 1 << 20, 2 << 20, 3 << 20]);
        assert_eq!(ticks(1_221_440, 1_498_240).1, [19, 20, 21, 22].map(|i| i * 65_536));
        assert_eq!(ticks(5, 5), (1, vec![5]));
        assert!(ticks(7, 1_000_000_007).1.len() <= MOST_TICKS + 1);
    }
}
