//! `plangrad plan`: what batch sizes cost, to the byte, without running anything.
//!
//! No dataset has to be there, except a table, whose columns and rows decide. Others are taken to be complete: of a
//! partial one only the last batch of an epoch differs, unless a batch is larger than it.

use plangrad_data::{DatasetName, load};
use plangrad_nn::{Loss, Mlp, Task, checkpoint};
use plangrad_tensor::{Category, DType, Optimizer, SampleFormat, Shape};
use serde::Serialize;

use crate::cli::{Plan, TimelineTarget};
use crate::memory::{Blueprint, Claim, Part, Row, Timeline, claims, explain};
use crate::output::{Align, Table, counted, grouped, grouped_bytes, size};
use crate::train::{OptimizerSettings, task};
use crate::{Console, Error, Result};

/// Seed that deals a table's rows, on which no count depends.
const ANY_SEED: u64 = 42;

/// What the lessons say about 784-128-10 with SGD, by batch size.
const LESSON: [(usize, &str); 4] = [(64, "~1 MB"), (256, "~1.7 MB"), (1024, "~4.5 MB"), (4096, "~15 MB")];

const ROUNDED: &str = "The lesson's 1, 1.7 and 15 are the MiB (of 1024² bytes), rounded. Its 4.5 for batch 1024 is not: that \
                       is 4.34 MiB, and 4.55 only in MB of 1000² bytes.";

/// What a partial dataset on disk changes.
const PARTIAL: &str =
    "; of a partial one only the last batch of an epoch differs, unless a batch is larger than all there is";

pub(super) fn plan(arguments: &Plan, console: &Console) -> Result<()> {
    arguments.budget.note().iter().for_each(|note| Console::remark(note));
    let subject = subject(arguments)?;
    let rows: Vec<Row> =
        arguments.batch_sizes.iter().map(|&n| subject.blueprint.row(n)).collect::<Result<_>>()?;
    let report = Report { arguments, subject: &subject, rows: &rows };
    console.text(&report.text())?;
    if let Some(first) = rows.first() {
        let title = format!("{}, batch {}: {}", subject.network, first.batch_size, report.total(first));
        draw(&Timeline::new(first.step(), title), &arguments.timeline, console)?;
    }
    console.json(&report.object())
}

/// What is planned, and how to call it.
struct Subject {
    blueprint: Blueprint,
    /// `784-128-10, Adam`
    network: String,
    /// A sentence on where samples come from.
    data: String,
}

fn subject(arguments: &Plan) -> Result<Subject> {
    let optimizer = arguments.optimizer.with(arguments.momentum, None)?;
    let (task, samples, data) = match (&arguments.input, arguments.classes) {
        (Some(shape), Some(classes)) => of_shape(arguments, shape, classes)?,
        _ => of_dataset(arguments)?,
    };
    let eval_batch_size = arguments.eval_batch_size;
    let blueprint = Blueprint { task, optimizer, samples, eval_batch_size };
    let network = format!(
        "{} with {}, {}",
        blueprint.layers(),
        counted(blueprint.task.model.parameter_count(), "parameter"),
        OptimizerSettings::from(optimizer).name()
    );
    Ok(Subject { blueprint, network, data })
}

type Samples = Option<(usize, usize)>;

fn of_shape(arguments: &Plan, shape: &[usize], classes: usize) -> Result<(Task, Samples, String)> {
    if arguments.task.loss == Loss::Mse {
        let problem = "mse is for the numbers of a table (--dataset csv:FILE), not for --classes".to_owned();
        return Err(Error::Option { option: "--loss", problem });
    }
    let task = images(arguments, shape, classes)?;
    Ok((task, None, format!("samples of shape {shape:?}, as many as are wanted")))
}

fn of_dataset(arguments: &Plan) -> Result<(Task, Samples, String)> {
    let data = &arguments.data;
    let name = data.dataset.clone().unwrap_or(DatasetName::Mnist);
    let labels = arguments.task.task(&name)?;
    data.choose()?;
    let (task, train, test, complete) = match name.spec() {
        Some(spec) => {
            let task = images(arguments, &spec.sample_shape, spec.classes.len())?;
            (task, spec.train_samples, spec.test_samples, PARTIAL)
        }
        None => {
            let table = load(&name, &data.options(labels, ANY_SEED))?;
            let model = arguments.model.config(&table.sample_shape, table.classes.len().max(1));
            let task = task(&table, data.normalize, &model, arguments.task.loss)?;
            (task, table.train.len(), table.test.len(), "")
        }
    };
    if train == 0 {
        let remedy = "a run needs at least one sample to learn from";
        return Err(Error::EmptySplit { dataset: name.to_string(), split: "train", remedy });
    }
    let samples = counted(train, "sample");
    let data = format!("{name}: {samples} to learn from, {} to test on{complete}", grouped(test));
    Ok((task, Some((train, test)), data))
}

/// A classification of images, stored as bytes.
fn images(arguments: &Plan, shape: &[usize], classes: usize) -> Result<Task> {
    let samples = SampleFormat {
        shape: Shape::new(shape)?,
        dtype: DType::U8,
        scale: [1.0].into(), // numbers, on which no size depends
        shift: [0.0].into(),
    };
    Ok(Task { model: Mlp::new(&arguments.model.config(shape, classes))?, samples, loss: arguments.task.loss })
}

fn draw(timeline: &Timeline, targets: &[TimelineTarget], console: &Console) -> Result<()> {
    for target in targets {
        let path = match target {
            TimelineTarget::Terminal => {
                console.text(&format_args!("\n{}", timeline.text(console.colour())))?;
                continue;
            }
            TimelineTarget::Svg(path) => {
                checkpoint::replace(path, timeline.draw().to_svg().as_bytes())?;
                path
            }
            TimelineTarget::Png(path) => {
                let problem = || "the picture would be too large; take an .svg".to_owned();
                let picture = timeline.draw().to_picture();
                let picture =
                    picture.ok_or_else(|| Error::Option { option: "--timeline", problem: problem() })?;
                checkpoint::replace(path, &picture.to_png(path)?)?;
                path
            }
        };
        console.text(&format_args!("\nwritten to {}", path.display()))?;
    }
    Ok(())
}

/// All rows with what was asked about them.
struct Report<'a> {
    arguments: &'a Plan,
    subject: &'a Subject,
    rows: &'a [Row],
}

impl Report<'_> {
    fn total(&self, row: &Row) -> String {
        format!("{} bytes", grouped_bytes(row.report.total()))
    }

    fn budget(&self) -> Option<u64> {
        self.arguments.budget.bytes()
    }

    fn text(&self) -> String {
        let Subject { network, data, .. } = self.subject;
        let mut text = format!("{network}; on cpu\n{data}\n\n{}", self.table(&grouped_bytes));
        text += &format!("\n\nThe same in KiB and MiB, units of 1024s\n\n{}", self.table(&size));
        text += &format!("\n\n{}", self.lesson());
        if self.arguments.explain {
            self.rows.iter().for_each(|row| text += &format!("\n\n{}", self.explanation(row)));
        }
        if self.arguments.compare {
            self.rows.iter().for_each(|row| text += &format!("\n\n{}", self.comparison(row)));
        }
        text
    }

    fn table(&self, show: &dyn Fn(u64) -> String) -> Table {
        let names = Category::ALL.map(|category| (category.name(), Align::Right));
        let last =
            [("total", Align::Right), (if self.budget().is_some() { "fits" } else { "" }, Align::Left)];
        let mut table = Table::new([("batch size", Align::Right)].into_iter().chain(names).chain(last));
        for row in self.rows {
            let bytes = Category::ALL.map(|category| show(row.report.get(category)));
            let fits = match self.fits(row) {
                None => "",
                Some(true) => "yes",
                Some(false) => "no",
            };
            let end = [show(row.report.total()), fits.to_owned()];
            table.row([grouped(row.batch_size)].into_iter().chain(bytes).chain(end));
        }
        table
    }

    fn fits(&self, row: &Row) -> Option<bool> {
        self.budget().map(|budget| row.report.total() <= budget)
    }

    /// The sums that lessons make, beside what they say.
    fn lesson(&self) -> String {
        let says = |row: &Row| {
            let found = LESSON.iter().find(|(batch_size, _)| *batch_size == row.batch_size);
            found.filter(|_| self.is_the_lessons()).map_or("", |(_, text)| text)
        };
        let is_told = self.rows.iter().any(|row| !says(row).is_empty());
        let columns = ["batch size", "bytes", "MiB (1024²)", "MB (1000²)"].map(|name| (name, Align::Right));
        let last = (if is_told { "a lesson says" } else { "" }, Align::Left);
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
        let heading = "As lessons count: parameters, gradients, optimizer state, inputs, hidden activations; no labels, no \
                       workspace";
        let note = if is_told { format!("\n{ROUNDED}") } else { String::new() };
        format!("{heading}\n\n{table}{note}")
    }

    /// Whether this is the network the lessons' figures are about.
    fn is_the_lessons(&self) -> bool {
        let plain = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 };
        self.subject.blueprint.layers() == "784-128-10" && self.subject.blueprint.optimizer == plain
    }

    fn explanation(&self, row: &Row) -> String {
        let parts = explain(row, &self.subject.blueprint.task);
        let mut lines = vec![format!("batch size {}", grouped(row.batch_size))];
        for category in Category::ALL {
            let bytes = grouped_bytes(row.report.get(category));
            let of_category: Vec<&Part> = parts.iter().filter(|part| part.category == category).collect();
            match of_category.as_slice() {
                [] => lines.push(format!("{:<16} {bytes} B: {}", category.name(), self.none(category))),
                parts if parts.len() <= 2 && category != Category::Workspace => {
                    let formulas: Vec<&str> = parts.iter().map(|part| part.formula.as_str()).collect();
                    lines.push(format!("{:<16} {} = {bytes} B", category.name(), formulas.join(" + ")));
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
            Category::OptimizerState => "SGD without momentum keeps nothing",
            Category::Dataset => "on the CPU samples are read where they lie",
            Category::Activations => "without hidden layers the backward pass reads the inputs alone",
            _ => "nothing",
        }
    }

    fn comparison(&self, row: &Row) -> String {
        let heading = format!("What others say, batch size {}", grouped(row.batch_size));
        let mut table = Table::new([
            ("", Align::Left),
            ("bytes", Align::Right),
            ("it prints", Align::Left),
            ("leaves out", Align::Left),
        ]);
        let plan = [grouped_bytes(row.report.total()), size(row.report.total())];
        table.row(["plangrad plan".to_owned()].into_iter().chain(plan).chain(["nothing".to_owned()]));
        for Claim { package, bytes, prints, leaves_out } in claims(&self.subject.blueprint, row.batch_size) {
            table.row([package.to_owned(), grouped_bytes(bytes), prints, leaves_out.to_owned()]);
        }
        format!("{heading}\n\n{table}")
    }

    fn object(&self) -> Object<'_> {
        let row = |row| RowObject::of(row, self);
        let timeline = self.rows.first().filter(|_| !self.arguments.timeline.is_empty());
        Object {
            network: self.subject.blueprint.layers(),
            parameters: self.subject.blueprint.task.model.parameter_count(),
            device: "cpu",
            budget_bytes: self.budget(),
            rows: self.rows.iter().map(row).collect(),
            timeline: timeline.map(TimelineObject::of),
        }
    }
}

#[derive(Serialize)]
struct Object<'a> {
    network: String,
    parameters: usize,
    device: &'a str,
    budget_bytes: Option<u64>,
    rows: Vec<RowObject>,
    timeline: Option<TimelineObject>,
}

#[derive(Serialize)]
struct RowObject {
    batch_size: usize,
    parameters_bytes: u64,
    gradients_bytes: u64,
    optimizer_state_bytes: u64,
    batch_bytes: u64,
    activations_bytes: u64,
    workspace_bytes: u64,
    dataset_bytes: u64,
    total_bytes: u64,
    lesson_bytes: u64,
    fits: Option<bool>,
    explanation: Option<Vec<PartObject>>,
    comparison: Option<Vec<ClaimObject>>,
}

impl RowObject {
    fn of(row: &Row, report: &Report<'_>) -> Self {
        let Report { arguments, subject: Subject { blueprint, .. }, .. } = report;
        let bytes = |category| row.report.get(category);
        let explanation = || explain(row, &blueprint.task).into_iter().map(PartObject::of).collect();
        let comparison = || claims(blueprint, row.batch_size).into_iter().map(ClaimObject::of).collect();
        Self {
            batch_size: row.batch_size,
            parameters_bytes: bytes(Category::Parameters),
            gradients_bytes: bytes(Category::Gradients),
            optimizer_state_bytes: bytes(Category::OptimizerState),
            batch_bytes: bytes(Category::Batch),
            activations_bytes: bytes(Category::Activations),
            workspace_bytes: bytes(Category::Workspace),
            dataset_bytes: bytes(Category::Dataset),
            total_bytes: row.report.total(),
            lesson_bytes: row.lesson_bytes,
            fits: report.fits(row),
            explanation: arguments.explain.then(explanation),
            comparison: arguments.compare.then(comparison),
        }
    }
}

#[derive(Serialize)]
struct PartObject {
    category: &'static str,
    name: String,
    formula: String,
    bytes: u64,
}

impl PartObject {
    fn of(part: Part) -> Self {
        Self { category: part.category.name(), name: part.name, formula: part.formula, bytes: part.bytes }
    }
}

#[derive(Serialize)]
struct ClaimObject {
    package: &'static str,
    bytes: u64,
    prints: String,
    leaves_out: &'static str,
}

impl ClaimObject {
    fn of(claim: Claim) -> Self {
        let Claim { package, bytes, prints, leaves_out } = claim;
        Self { package, bytes, prints, leaves_out }
    }
}

#[derive(Serialize)]
struct TimelineObject {
    batch_size: usize,
    stages: Vec<Vec<String>>,
    buffers: Vec<BufferObject>,
}

#[derive(Serialize)]
struct BufferObject {
    name: String,
    shape: Vec<usize>,
    category: &'static str,
    offset: usize,
    bytes: usize,
    first_stage: usize,
    last_stage: usize,
}

impl TimelineObject {
    fn of(row: &Row) -> Self {
        let buffer = |buffer: plangrad_tensor::BufferInfo| BufferObject {
            category: buffer.category.name(),
            name: buffer.name,
            shape: buffer.shape,
            offset: buffer.offset,
            bytes: buffer.bytes,
            first_stage: buffer.first_stage,
            last_stage: buffer.last_stage,
        };
        let step = row.step();
        let buffers = step.buffers().into_iter().map(buffer).collect();
        Self { batch_size: row.batch_size, stages: step.describe(), buffers }
    }
}
