//! The memory of a run: every byte by category, the formulas behind them, and the arena over a step.
//!
//! Plans follow from settings and sizes alone, so they are made again from what the run folder says, and compared with what
//! the run has reported.

use plangrad_nn::Task;
use plangrad_tensor::{BufferInfo, Category, Device, Plan};
use serde::Serialize;

use crate::device::DeviceChoice;
use crate::error::Result;
use crate::history::{History, Start};
use crate::memory::{BatchPlan, Part, buffer_formula, explain};
use crate::train::plans::{as_small_as_needed, plan};
use crate::train::{MemoryLayout, Placement, SampleCounts, Settings, StepConfig, StepMemory};

/// The memory of a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Memory {
    /// What the plans made again come to.
    total: u64,
    categories: Vec<OfCategory>,
    parts: Vec<Part>,
    timeline: Timeline,
}

#[derive(Clone, Debug, Serialize)]
struct OfCategory {
    name: &'static str,
    bytes: u64,
}

/// The arena over a step.
#[derive(Clone, Debug, Serialize)]
struct Timeline {
    /// Samples that the step takes at once.
    batch_size: usize,
    bytes: usize,
    /// Where the part begins that does not outlive the step.
    persistent_bytes: usize,
    /// The kernels of each stage.
    stages: Vec<Vec<String>>,
    buffers: Vec<Buffer>,
}

#[derive(Clone, Debug, Serialize)]
struct Buffer {
    name: String,
    shape: Vec<usize>,
    category: &'static str,
    offset: usize,
    bytes: usize,
    first_stage: usize,
    last_stage: usize,
    is_persistent: bool,
    formula: String,
}

impl Memory {
    /// Bytes of each category that has any.
    pub(super) fn by_category(&self) -> Vec<(&'static str, u64)> {
        self.categories.iter().map(|category| (category.name, category.bytes)).collect()
    }

    /// That of the run with these settings, which trains the network of `task`.
    pub(super) fn of(settings: &Settings, task: &Task, history: &History) -> Result<Option<Memory>> {
        let Some(start) = &history.start else { return Ok(None) };
        let weights = settings.class_weights.as_deref();
        let task = settings.levers().on(task.clone(), weights)?;
        let counts = SampleCounts {
            train: start.train_samples,
            validation: start.validation_samples,
            test: start.test_samples,
        };
        let step = settings.step();
        let whole = step.whole(counts.train);
        let layout = layout(start, history, whole);
        // Earlier versions gathered samples, still earlier ones kept gradients.
        let gathered = StepMemory { keep_inputs: true, ..step.memory };
        let kept = StepMemory { keep_gradients: true, ..gathered };
        let is_as_planned = |step: &StepConfig| {
            layout.planned(step, &task, counts).is_ok_and(|report| report.total() == start.planned_bytes)
        };
        let steps = [step.memory, gathered, kept].map(|memory| StepConfig { memory, ..step });
        let step = steps.into_iter().find(is_as_planned).unwrap_or(step);
        let recomputes = history.rungs.iter().any(|rung| rung.rung == "recomputation");
        let layout = match recomputes {
            true => as_small_as_needed(&step, &task, counts, layout, start.planned_bytes)?,
            false => layout,
        };
        let (plans, numbers) = plan(&step, &task, counts, layout)?;
        let report = layout.report(&plans, &task, counts);
        let training_plans = [numbers.validation, numbers.test].into_iter().flatten().map(|plan| plan.whole);
        let row = BatchPlan {
            batch_size: settings.batch_size,
            samples: whole,
            part: layout.part,
            training_plans: training_plans.min().unwrap_or(plans.len()),
            resident: (layout.placement == Placement::Resident).then_some(counts),
            report,
            operations: numbers.whole.operations(&plans),
            lesson_bytes: 0,
            plans,
        };
        let of_category =
            |category: Category| OfCategory { name: category.name(), bytes: row.report.get(category) };
        Ok(Some(Memory {
            total: row.report.total(),
            categories: Category::ALL.map(of_category).into_iter().filter(|part| part.bytes > 0).collect(),
            parts: explain(&row, &task),
            timeline: Timeline::of(row.step(), &task),
        }))
    }
}

/// How the run lay in memory, once it had found a way.
fn layout(start: &Start, history: &History, whole: usize) -> MemoryLayout {
    let device = start.device.parse().map_or(Device::Cpu, DeviceChoice::device);
    let part = start.micro_batch_size.unwrap_or(whole).max(1);
    let layout = MemoryLayout::new(device, part);
    let is_streamed = history.rungs.iter().any(|rung| rung.rung == "dataset-on-host");
    match layout.placement {
        Placement::Resident if is_streamed => MemoryLayout { placement: Placement::Streamed, ..layout },
        _ => layout,
    }
}

impl Timeline {
    fn of(plan: &Plan, task: &Task) -> Timeline {
        let buffers = plan.buffers();
        let transient = buffers.iter().filter(|buffer| !buffer.is_persistent);
        Timeline {
            batch_size: plan.batch_size(),
            bytes: plan.bytes(),
            persistent_bytes: transient.map(|buffer| buffer.offset).min().unwrap_or(plan.bytes()),
            stages: plan.describe(),
            buffers: buffers.into_iter().map(|buffer| Buffer::of(buffer, task)).collect(),
        }
    }
}

impl Buffer {
    fn of(buffer: BufferInfo, task: &Task) -> Buffer {
        Buffer {
            formula: buffer_formula(&buffer, task),
            category: buffer.category.name(),
            name: buffer.name,
            shape: buffer.shape,
            offset: buffer.offset,
            bytes: buffer.bytes,
            first_stage: buffer.first_stage,
            last_stage: buffer.last_stage,
            is_persistent: buffer.is_persistent,
        }
    }
}
