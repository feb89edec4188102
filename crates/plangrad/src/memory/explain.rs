//! The formula behind each figure of a plan: one part for each buffer, which add up to the category, and these to the
//! total.

use std::collections::BTreeMap;

use plangrad_nn::Task;
use plangrad_tensor::{BufferInfo, Category, Parameter, Plan, Role, Source};
use serde::{Serialize, Serializer};

use super::blueprint::BatchPlan;
use crate::numbers::{counted, grouped, grouped_bytes};

/// One summand of a category. Serialises to the JSON documented in `docs/json.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its category.
    #[serde(serialize_with = "category_name")]
    pub category: Category,
    /// What it is: `inputs`, `alignment and gaps`.
    pub name: String,
    /// How its bytes are computed: `64 samples × 784 values × 4 B`.
    pub formula: String,
    /// The bytes counted.
    pub bytes: u64,
}

pub(crate) fn category_name<S: Serializer>(category: &Category, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(category.name())
}

/// Every byte of a row, part by part, in the order of the categories.
#[must_use]
pub fn explain(row: &BatchPlan, task: &Task) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut reached = 0;
    for (number, plan) in row.plans.iter().enumerate().filter(|(_, plan)| plan.bytes() > 0) {
        if plan.bytes() > reached {
            let whose = match number {
                0 => String::new(),
                n if n < row.training_plans => format!("further part of {}: ", grouped(plan.batch_size())),
                _ => format!("evaluation of {}: ", grouped(plan.batch_size())),
            };
            parts.extend(parts_beyond(plan, reached, &whose, task));
            reached = plan.bytes();
        }
    }
    if let Some(samples) = row.resident {
        parts.extend(parts_of_dataset("samples to learn from", samples.train, task));
        parts.extend(parts_of_dataset("samples for validation", samples.validation, task));
        parts.extend(parts_of_dataset("samples to test on", samples.test, task));
    }
    parts.sort_by_key(|part| part.category);
    parts
}

/// A part of the dataset in the device's memory, and what aligns it.
fn parts_of_dataset(name: &str, len: usize, task: &Task) -> Vec<Part> {
    let report = Source::resident_report_of(task.samples(), task.targets(), len);
    let sample = grouped(task.samples().shape.elements() * task.samples().dtype.size());
    let each = format!("({sample} B + {} B for the target + 4 B for the order)", task.targets().bytes());
    let part = |category, name: String, formula| {
        let bytes = report.get(category);
        (bytes > 0).then_some(Part { category, name, formula, bytes })
    };
    let gaps = grouped_bytes(report.get(Category::Workspace));
    let parts = [
        part(Category::Dataset, name.to_owned(), format!("{} × {each}", counted(len, "sample"))),
        part(Category::Workspace, format!("alignment of {name}"), format!("{gaps} B")),
    ];
    parts.into_iter().flatten().collect()
}

/// The bytes of a plan from `reached` on, buffer by buffer.
fn parts_beyond(plan: &Plan, reached: usize, whose: &str, task: &Task) -> Vec<Part> {
    let buffers = plan.buffers();
    let mut per_buffer: BTreeMap<Option<usize>, u64> = BTreeMap::new();
    for segment in plan.segments() {
        let start = segment.offset.max(reached);
        let bytes = (segment.offset + segment.bytes).saturating_sub(start) as u64;
        *per_buffer.entry(segment.buffer).or_default() += bytes;
    }
    let part = |(buffer, bytes): (Option<usize>, u64)| match buffer.map(|i| &buffers[i]) {
        Some(buffer) => Part {
            category: buffer.category,
            name: format!("{whose}{}", buffer.name),
            formula: formula(buffer, bytes, task),
            bytes,
        },
        None => Part {
            category: Category::Workspace,
            name: format!("{whose}alignment and gaps"),
            formula: format!("{} B", grouped_bytes(bytes)),
            bytes,
        },
    };
    // Gaps come last.
    let gaps = per_buffer.remove(&None);
    per_buffer
        .into_iter()
        .chain(gaps.map(|bytes| (None, bytes)))
        .filter(|&(_, bytes)| bytes > 0)
        .map(part)
        .collect()
}

/// How the bytes of a buffer are computed.
pub(crate) fn buffer_formula(buffer: &BufferInfo, task: &Task) -> String {
    formula(buffer, buffer.bytes as u64, task)
}

fn formula(buffer: &BufferInfo, bytes_counted: u64, task: &Task) -> String {
    let product = match (buffer.category, buffer.shape.as_slice()) {
        (Category::Parameters, _) if buffer.role == Some(Role::Trained) => {
            format!("({}) × 4 B", numbers(task))
        }
        (Category::Batch, [rows, values]) => {
            format!("{} × {} × 4 B", counted(*rows, "sample"), counted(*values, "value"))
        }
        (Category::Batch, [rows]) if buffer.element_bytes == 1 => {
            format!("{} × 1 B", counted(*rows, "label"))
        }
        (Category::Parameters | Category::Gradients | Category::OptimizerState, [numbers]) => {
            format!("{} {} × 4 B", grouped(*numbers), buffer.name)
        }
        (_, [bytes]) if buffer.element_bytes == 1 => format!("{} B", grouped(*bytes)),
        (_, shape) => {
            let factors: Vec<String> = shape.iter().map(|&size| grouped(size)).collect();
            format!("{} × {} B", factors.join(" × "), buffer.element_bytes)
        }
    };
    if bytes_counted == buffer.bytes as u64 {
        product
    } else {
        format!("{} B of {product}, the rest in memory counted already", grouped_bytes(bytes_counted))
    }
}

/// `784 × 128 + 128 + 128 × 10 + 10`
fn numbers(task: &Task) -> String {
    let product = |parameter: &Parameter| {
        let sizes: Vec<String> = parameter.shape().dims().iter().map(|&size| grouped(size)).collect();
        sizes.join(" × ")
    };
    task.model().weights().trained_parameters().map(product).collect::<Vec<_>>().join(" + ")
}
