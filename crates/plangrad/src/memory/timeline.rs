//! Which buffers are alive when, and where: a plan's arena over the stages of a step, as a drawing and as text.
//!
//! Offsets grow upwards, stages from left to right. The persistent and the transient part have separate scales, because for
//! small batches one is hundreds of times the other.

use std::fmt::Write;

use plangrad_tensor::{BufferInfo, Category, Plan};

use crate::colour::Colour;
use crate::drawing::{
    Anchor, BLUE, Drawing, GREEN, INK, LETTER, LINE, ORANGE, PURPLE, RED, Rgb, TAUPE, WHITE, YELLOW,
    shortened, width_of,
};
use crate::numbers::{grouped, size};
use crate::output::{Align, Table};

const PALE: Rgb = [246, 246, 246];

/// Points left and right of the stages; the left has room for offsets.
const LEFT: f64 = 112.0;
const RIGHT: f64 = 24.0;

/// Height of the part that persists and of the part that does not.
const PERSISTENT: f64 = 150.0;
const TRANSIENT: f64 = 400.0;

/// Width of a stage where kernels are written beneath it, and of all stages where there are too many for that.
const STAGE: f64 = 152.0;
const MOST_WITH_KERNELS: usize = 24;
const WIDTH_OF_MANY: f64 = 2400.0;

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
        let across = self.stage() * self.stages.len() as f64;
        let kernels: Vec<Vec<String>> = self.stages.iter().map(|names| self.wrapped(names)).collect();
        let deepest = kernels.iter().map(Vec::len).max().unwrap_or(0) as f64;
        let top = 64.0;
        let [transient, persistent] = [top, top + TRANSIENT + 36.0];
        let axis = persistent + PERSISTENT;
        let legend = axis + 40.0 + deepest * LINE;
        let height = legend + LINE * self.counted.len() as f64 + 16.0;
        let width = LEFT + across.max(3.0 * STAGE) + RIGHT;
        let mut drawing = Drawing { title: self.title.clone(), width, height, shapes: Vec::new() };
        drawing.text([16.0, 26.0], Anchor::Start, INK, shortened(&self.title, width - 32.0));
        self.panel(&mut drawing, [transient, TRANSIENT], false, "during a step");
        self.panel(&mut drawing, [persistent, PERSISTENT], true, "kept from step to step");
        self.axis(&mut drawing, axis, &kernels);
        self.legend(&mut drawing, legend);
        drawing
    }

    /// One of the two parts, to its own scale, between `top` and `top + height`.
    fn panel(&self, drawing: &mut Drawing, [top, height]: [f64; 2], is_persistent: bool, name: &str) {
        let (first, last) =
            if is_persistent { (0, self.persistent_bytes) } else { (self.persistent_bytes, self.bytes) };
        let bytes = (last - first).max(1) as f64;
        let across = self.stage() * self.stages.len() as f64;
        let y = |offset: usize| top + height * (1.0 - (offset - first) as f64 / bytes);
        drawing.text(
            [LEFT, top - 8.0],
            Anchor::Start,
            INK,
            format!("{name}: {}", size((last - first) as u64)),
        );
        drawing.rectangle([LEFT, top], [across, height], PALE);
        for tick in 0..=4 {
            let offset = first + (last - first) / 4 * tick;
            drawing.rectangle([LEFT - 6.0, y(offset) - 0.5], [6.0, 1.0], INK);
            drawing.text([LEFT - 10.0, y(offset) + 4.0], Anchor::End, INK, grouped(offset));
        }
        for buffer in self.buffers.iter().filter(|buffer| buffer.is_persistent == is_persistent) {
            let x = LEFT + self.stage() * buffer.first_stage as f64;
            let stages = (buffer.last_stage + 1 - buffer.first_stage) as f64;
            let (low, high) = (y(buffer.offset), y(buffer.offset + buffer.bytes));
            let area = [self.stage() * stages, (low - high).max(1.0)];
            bar(drawing, buffer, [x, low - area[1]], area);
        }
    }

    /// Numbers of the stages, and the kernels of each beneath it.
    fn axis(&self, drawing: &mut Drawing, y: f64, kernels: &[Vec<String>]) {
        for (stage, lines) in kernels.iter().enumerate() {
            let left = LEFT + self.stage() * stage as f64;
            drawing.rectangle([left, y], [1.0, 6.0], INK);
            let every = self.stages.len().div_ceil(MOST_WITH_KERNELS);
            if stage.is_multiple_of(every) {
                let number = format!("{}{}", if stage == 0 { "stage " } else { "" }, stage + 1);
                drawing.text([left + 4.0, y + 18.0], Anchor::Start, INK, number);
            }
            for (i, line) in lines.iter().enumerate() {
                let place = [left + 4.0, y + 20.0 + LINE * (i + 1) as f64];
                drawing.text(place, Anchor::Start, INK, line);
            }
        }
    }

    fn legend(&self, drawing: &mut Drawing, y: f64) {
        for (i, (category, bytes)) in self.counted.iter().enumerate() {
            let y = y + LINE * i as f64;
            drawing.rectangle([LEFT, y], [10.0, 10.0], colour(*category));
            let bytes = usize::try_from(*bytes).unwrap_or(usize::MAX);
            let text = format!("{:<16}{:>15} B", category.name(), grouped(bytes));
            drawing.text([LEFT + 18.0, y + 9.0], Anchor::Start, INK, text);
        }
    }

    /// The names of a stage's kernels in lines that fit beneath it; none where stages are too many.
    fn wrapped(&self, kernels: &[String]) -> Vec<String> {
        if !self.has_kernels() {
            return Vec::new();
        }
        let most = (STAGE / LETTER) as usize - 1;
        let mut lines: Vec<String> = Vec::new();
        for kernel in kernels {
            let mut line = String::from("·");
            for word in kernel.split(' ') {
                if line.chars().count() + 1 + word.chars().count() > most && line != "·" {
                    lines.push(std::mem::replace(&mut line, String::from(" ")));
                }
                line = format!("{line} {word}");
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
            let shape: Vec<String> = buffer.shape.iter().map(usize::to_string).collect();
            let cells = [
                grouped(buffer.offset),
                grouped(buffer.bytes),
                format!("{} {}", buffer.name, shape.join("×")),
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

/// A buffer's rectangle, with as much of its name and size as there is room for.
fn bar(drawing: &mut Drawing, buffer: &BufferInfo, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
    let fill = colour(buffer.category);
    let edge = if height > 4.0 { 1.0 } else { 0.0 };
    drawing.rectangle([x, y], [width, height], WHITE);
    drawing.rectangle([x + 0.5, y + edge / 2.0], [width - 1.0, height - edge], fill);
    let shape: Vec<String> = buffer.shape.iter().map(usize::to_string).collect();
    let name = format!("{} {}", buffer.name, shape.join("×"));
    let texts = [format!("{name}, {} B", grouped(buffer.bytes)), name, buffer.name.clone()];
    let fits = texts.into_iter().find(|text| width_of(text) + 8.0 <= width);
    if let Some(text) = fits.filter(|_| height >= 11.0) {
        drawing.text([x + width / 2.0, y + height / 2.0 + 4.0], Anchor::Middle, letters_on(fill), text);
    }
}

fn colour(category: Category) -> Rgb {
    match category {
        Category::Parameters => BLUE,
        Category::Gradients => ORANGE,
        Category::OptimizerState => PURPLE,
        Category::Batch => GREEN,
        Category::Activations => RED,
        Category::Dataset => YELLOW,
        _ => TAUPE,
    }
}

/// Black on light colours, white on dark ones.
fn letters_on([red, green, blue]: Rgb) -> Rgb {
    let brightness = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if brightness > 128_000 { [0, 0, 0] } else { WHITE }
}
