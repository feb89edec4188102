//! The JSON of `plan`. Its keys are documented in `docs/json.md`.

use plangrad_tensor::backend::cpu::{KernelShares, StageShares, shares};
use plangrad_tensor::{BufferInfo, Category};
use serde::Serialize;

use super::report::{Planned, Report};
use crate::memory::{BatchPlan, Claim, Lever, Part, claims, explain};

impl Report<'_> {
    /// All of it as an object.
    pub(super) fn object(&self) -> Object {
        let row = |row| RowObject::of(row, self);
        let timeline = self.rows.first().filter(|_| !self.arguments.timeline.is_empty());
        Object {
            network: self.subject.blueprint.layers(),
            parameters: self.subject.blueprint.task.model().weights().trained_elements(),
            device: self.subject.blueprint.device.to_string(),
            budget_bytes: self.budget(),
            rows: self.rows.iter().map(row).collect(),
            levers: self.levers.map(<[Lever]>::to_vec),
            timeline: timeline.map(TimelineObject::of),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Object {
    network: String,
    parameters: usize,
    device: String,
    budget_bytes: Option<u64>,
    rows: Vec<RowObject>,
    levers: Option<Vec<Lever>>,
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
    operations: u64,
    step_bytes: usize,
    least_step_bytes: usize,
    lesson_bytes: u64,
    fits: Option<bool>,
    explanation: Option<Vec<Part>>,
    comparison: Option<Vec<Claim>>,
    owners: Option<OwnersObject>,
}

impl RowObject {
    fn of(row: &BatchPlan, report: &Report<'_>) -> Self {
        let Report { arguments, subject: Planned { blueprint, .. }, .. } = report;
        let bytes = |category| row.report.get(category);
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
            operations: row.operations,
            step_bytes: row.step().bytes(),
            least_step_bytes: row.step().least_bytes(),
            lesson_bytes: row.lesson_bytes,
            fits: report.fits(row),
            explanation: arguments.explain.then(|| explain(row, &blueprint.task)),
            owners: arguments.owners.map(|threads| OwnersObject::of(row, threads)),
            comparison: arguments.compare.then(|| claims(blueprint, row.samples)),
        }
    }
}

/// How threads share a step.
#[derive(Serialize)]
struct OwnersObject {
    threads: usize,
    meetings: usize,
    stages: Vec<StageObject>,
}

#[derive(Serialize)]
struct StageObject {
    kernels: Vec<KernelObject>,
    bytes_handed_over: usize,
    meets: bool,
}

#[derive(Serialize)]
struct KernelObject {
    name: String,
    units: Vec<usize>,
}

impl OwnersObject {
    fn of(row: &BatchPlan, threads: usize) -> Self {
        let kernel = |kernel: KernelShares| KernelObject { name: kernel.name, units: kernel.units };
        let stage = |stage: StageShares| StageObject {
            kernels: stage.kernels.into_iter().map(kernel).collect(),
            bytes_handed_over: stage.bytes_handed_over,
            meets: stage.meets,
        };
        let stages: Vec<StageObject> = shares(row.step(), threads).into_iter().map(stage).collect();
        Self { threads, meetings: stages.iter().filter(|stage| stage.meets).count(), stages }
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
    fn of(row: &BatchPlan) -> Self {
        let buffer = |buffer: BufferInfo| BufferObject {
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
