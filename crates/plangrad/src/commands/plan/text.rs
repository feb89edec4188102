//! The text of `plan`: tables, formulas, comparisons.

use plangrad_tensor::backend::cpu::shares;
use plangrad_tensor::{Category, Optimizer};

use super::report::{Planned, Report};
use crate::language::text;
use crate::memory::{BatchPlan, Claim, Lever, Part, claims, explain};
use crate::numbers::{counted, counted_text, grouped, grouped_bytes, size};
use crate::output::{Align, Table};

/// The figures of the lessons for 784-128-10 with SGD, by batch size.
const LESSON: [(usize, &str); 4] = [(64, "~1 MB"), (256, "~1.7 MB"), (1024, "~4.5 MB"), (4096, "~15 MB")];

impl Report<'_> {
    /// All of it, in the order of the options.
    pub(super) fn text(&self) -> String {
        let Planned { said, data, .. } = self.subject;
        let place = text!("on {device}", device = self.subject.blueprint.device);
        let mut text = text!("{network}; {place}\n{data}", network = said, place, data);
        text += &format!("\n\n{}", self.table(&grouped_bytes));
        let heading = text!("The same in KiB and MiB, units of 1024s");
        text += &format!("\n\n{heading}\n\n{}", self.table(&size));
        for row in self.rows.iter().filter(|row| row.samples < row.batch_size) {
            text += &text!(
                "\n\nbatch size {asked}: there are only {there} to learn from, so a step takes those",
                asked = grouped(row.batch_size),
                there = counted_text!(row.samples, "{number} sample", "{number} samples")
            );
        }
        text += &format!("\n\n{}\n\n{}", self.certificate(), self.lesson());
        if let Some(levers) = self.levers {
            text += &format!("\n\n{}", self.levers_table(levers));
        }
        if self.arguments.explain {
            self.rows.iter().for_each(|row| text += &format!("\n\n{}", self.explanation(row)));
        }
        if self.arguments.compare {
            self.rows.iter().for_each(|row| text += &format!("\n\n{}", self.comparison(row)));
        }
        if let Some(threads) = self.arguments.owners {
            self.rows.iter().for_each(|row| text += &format!("\n\n{}", owners(row, threads)));
        }
        text
    }

    fn table(&self, show: &dyn Fn(u64) -> String) -> Table {
        let names = Category::ALL.map(|category| (name(category), Align::Right));
        let fits = if self.budget().is_some() { text!("fits") } else { String::new() };
        let last = [(text!("total"), Align::Right), (fits, Align::Left)];
        let mut table =
            Table::new([(text!("batch size"), Align::Right)].into_iter().chain(names).chain(last));
        for row in self.rows {
            let bytes = Category::ALL.map(|category| show(row.report.get(category)));
            let fits = match self.fits(row) {
                None => String::new(),
                Some(true) => text!("yes"),
                Some(false) => text!("no"),
            };
            let end = [show(row.report.total()), fits];
            table.row([grouped(row.batch_size)].into_iter().chain(bytes).chain(end));
        }
        table
    }

    /// How good the layouts are.
    fn certificate(&self) -> String {
        let gaps = self.rows.iter().filter(|row| row.step().bytes() > row.step().least_bytes());
        let gaps: Vec<String> = gaps
            .map(|row| {
                let (bytes, least) = (row.step().bytes(), row.step().least_bytes());
                let (size, gap) = (grouped(row.batch_size), grouped(bytes - least));
                text!(
                    "Layout, batch size {size}: at most {gap} bytes above the least that a step can take.",
                    size,
                    gap
                )
            })
            .collect();
        match gaps.as_slice() {
            [] => text!("Layout: optimal, proven; no other places for a step's buffers take fewer bytes."),
            gaps => gaps.join("\n"),
        }
    }

    /// What one lever after another saves, and costs.
    fn levers_table(&self, levers: &[Lever]) -> String {
        let largest = if self.budget().is_some() { text!("largest batch") } else { String::new() };
        let mut table = Table::new([
            (String::new(), Align::Left),
            (text!("bytes"), Align::Right),
            (text!("operations"), Align::Right),
            (largest, Align::Right),
        ]);
        for lever in levers {
            let largest = lever.largest_batch_size.map_or(String::new(), grouped);
            let [bytes, operations] = [lever.total_bytes, lever.operations].map(grouped_bytes);
            table.row([lever.name.to_owned(), bytes, operations, largest]);
        }
        let size = self.arguments.batch_sizes.first().copied().map_or(String::new(), grouped);
        let heading = text!(
            "Levers, batch size {size}: each with those before it; the same training, bit for bit but for bf16",
            size
        );
        format!("{heading}\n\n{table}")
    }

    /// The sums of the lessons, beside their figures.
    fn lesson(&self) -> String {
        let says = |row: &BatchPlan| {
            let found = LESSON.iter().find(|(batch_size, _)| *batch_size == row.batch_size);
            found.filter(|_| self.is_the_lessons()).map_or("", |(_, text)| text)
        };
        let is_told = self.rows.iter().any(|row| !says(row).is_empty());
        let columns = [text!("batch size"), text!("bytes"), text!("MiB (1024²)"), text!("MB (1000²)")];
        let columns = columns.map(|name| (name, Align::Right));
        let last = (if is_told { text!("a lesson says") } else { String::new() }, Align::Left);
        let mut table = Table::new(columns.into_iter().chain([last]));
        for row in self.rows {
            let bytes = row.lesson_bytes;
            let mebibytes = format!("{:.2}", bytes as f64 / 1_048_576.0);
            let megabytes = format!("{:.2}", bytes as f64 / 1e6);
            table.row([
                grouped(row.batch_size),
                grouped_bytes(bytes),
                mebibytes,
                megabytes,
                says(row).to_owned(),
            ]);
        }
        let heading = text!(
            "As lessons count: parameters, gradients, optimizer state, inputs, hidden activations; no labels, no workspace"
        );
        let note = match is_told {
            true => text!(
                "\nThe lesson's 1, 1.7 and 15 are the MiB (of 1024² bytes), rounded. Its 4.5 for batch 1024 is not: that is \
                 4.34 MiB, and 4.55 only in MB of 1000² bytes."
            ),
            false => String::new(),
        };
        format!("{heading}\n\n{table}{note}")
    }

    /// Whether this is the network the lessons' figures are about.
    fn is_the_lessons(&self) -> bool {
        let plain = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 };
        self.subject.blueprint.layers() == "784-128-10" && self.subject.blueprint.optimizer == plain
    }

    fn explanation(&self, row: &BatchPlan) -> String {
        let parts = explain(row, &self.subject.blueprint.task);
        let mut lines = vec![format!("batch size {}", grouped(row.batch_size))];
        for category in Category::ALL {
            let bytes = grouped_bytes(row.report.get(category));
            let of_category: Vec<&Part> = parts.iter().filter(|part| part.category == category).collect();
            match of_category.as_slice() {
                [] => lines.push(format!("{:<16} {bytes} B: {}", category.name(), self.none(category))),
                parts if parts.len() <= 2 && category != Category::Workspace => {
                    let formulas: Vec<&str> = parts.iter().map(|part| part.formula.as_str()).collect();
                    let formula = formulas.join(" + ");
                    lines.push(format!(
                        "{:<16} {formula} = {bytes} B{}",
                        category.name(),
                        besides(category, parts)
                    ));
                }
                parts => {
                    lines.push(format!("{:<16} {bytes} B:", category.name()));
                    lines.extend(parts.iter().map(|part| {
                        let bytes = grouped_bytes(part.bytes);
                        format!("  {:<32} {} = {bytes} B", part.name, part.formula)
                    }));
                }
            }
        }
        lines.push(format!("{:<16} {} B", "total", grouped_bytes(row.report.total())));
        lines.join("\n")
    }

    /// Why a category is empty.
    fn none(&self, category: Category) -> &'static str {
        match category {
            Category::Gradients => {
                "each is used where it is computed, to update its weight; --keep-gradients keeps them"
            }
            Category::OptimizerState => "SGD without momentum keeps nothing",
            Category::Dataset => "on the CPU samples are read where they lie",
            Category::Activations => "without hidden layers the backward pass reads the inputs alone",
            _ => "nothing",
        }
    }

    fn comparison(&self, row: &BatchPlan) -> String {
        let heading = format!("What others say, batch size {}", grouped(row.batch_size));
        let mut table = Table::new([
            ("", Align::Left),
            ("bytes", Align::Right),
            ("it prints", Align::Left),
            ("leaves out", Align::Left),
        ]);
        let plan = [grouped_bytes(row.report.total()), size(row.report.total())];
        table.row(["plangrad plan".to_owned()].into_iter().chain(plan).chain(["nothing".to_owned()]));
        for Claim { package, bytes, prints, leaves_out } in claims(&self.subject.blueprint, row.samples) {
            table.row([package.to_owned(), grouped_bytes(bytes), prints, leaves_out.to_owned()]);
        }
        format!("{heading}\n\n{table}")
    }
}

/// A category in the language of people.
fn name(category: Category) -> String {
    match category {
        Category::Parameters => text!("parameters"),
        Category::Gradients => text!("gradients"),
        Category::OptimizerState => text!("optimizer state"),
        Category::Batch => text!("batch"),
        Category::Activations => text!("activations"),
        Category::Workspace => text!("workspace"),
        Category::Dataset => text!("dataset"),
        other => other.name().to_owned(),
    }
}

/// What a category would have besides.
fn besides(category: Category, parts: &[&Part]) -> &'static str {
    match category {
        Category::Batch if parts.iter().all(|part| !part.name.ends_with("inputs")) => {
            "; samples are normalised where they are multiplied, --keep-inputs gathers them before"
        }
        _ => "",
    }
}

/// How threads share a step.
fn owners(row: &BatchPlan, threads: usize) -> String {
    let stages = shares(row.step(), threads);
    let names: Vec<String> = (1..=threads).map(|thread| format!("thread {thread}")).collect();
    let of_threads = names.iter().map(|name| (name.as_str(), Align::Right));
    let columns = [("stage", Align::Right), ("kernel", Align::Left)].into_iter().chain(of_threads);
    let mut table = Table::new(columns.chain([("gets from others", Align::Right), ("", Align::Left)]));
    for (i, stage) in stages.iter().enumerate() {
        for (j, kernel) in stage.kernels.iter().enumerate() {
            let is_last = j + 1 == stage.kernels.len();
            let number = if j == 0 { (i + 1).to_string() } else { String::new() };
            let bytes =
                if is_last { format!("{} B", grouped(stage.bytes_handed_over)) } else { String::new() };
            let meets = if is_last && stage.meets { "meet" } else { "" };
            let units = kernel.units.iter().map(|&units| grouped(units));
            let row = [number, kernel.name.clone()].into_iter().chain(units);
            table.row(row.chain([bytes, meets.to_owned()]));
        }
    }
    let meetings = stages.iter().filter(|stage| stage.meets).count();
    let bytes: usize = stages.iter().map(|stage| stage.bytes_handed_over).sum();
    let heading = format!("Who computes what, in units, batch size {}", grouped(row.batch_size));
    let sum = format!("{} a step; {} bytes change hands", counted(meetings, "meeting"), grouped(bytes));
    format!("{heading}\n\n{table}\n{sum}")
}
