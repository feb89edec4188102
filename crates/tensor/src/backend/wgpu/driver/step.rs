//! A step that is ready to run: dispatches with all they read, made once.

use std::collections::HashSet;
use std::sync::Arc;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferDescriptor,
    BufferUsages, CommandEncoder, ComputePassDescriptor, ErrorFilter,
};

use super::gpu::{Gpu, LABEL, Pipeline};
use super::memory::GpuMemory;
use super::shader::{Module, Windows};
use crate::backend::launch::kernels::Kind;
use crate::backend::launch::lowering::Job;
use crate::backend::launch::orders::{Launch, Order};
use crate::backend::launch::shared::{Address, Word};
use crate::backend::launch::tile::Tile;
use crate::error::DeviceFailure;
use crate::ir::kernel::ConstantData;

/// Where an arena begins, in addresses: 0 is none.
pub(super) const START: Address = 4096;
/// The address that is none, in words.
const NULL: u32 = u32::MAX;
/// Words of a job before its own parameters.
const HEAD: usize = 4;

pub(super) struct Step {
    parts: Vec<Part>,
    /// What dispatches read of the plan, and numbers that it carries.
    parameters: Buffer,
}

enum Part {
    /// Dispatches one after another.
    Dispatches(Vec<Dispatch>),
    /// Numbers that the plan carries: where they are, where to, and how many bytes.
    Copy { from: u64, to: u64, bytes: u64 },
}

struct Dispatch {
    pipeline: Arc<Pipeline>,
    memory: BindGroup,
    groups: [u32; 2],
    gathers: bool,
}

impl Step {
    /// The step that `orders` say, in this memory.
    pub(super) fn new(memory: &GpuMemory, orders: Vec<Order>) -> Result<Step, DeviceFailure> {
        let gpu = &memory.gpu;
        let windows = gpu.windows(memory.buffer.size());
        let drafts: Vec<Draft> = orders.into_iter().flat_map(Draft::of).collect();
        let modules: Vec<Option<Module>> = drafts.iter().map(|draft| draft.module(windows)).collect();
        gpu.compile(modules.iter().flatten().cloned().collect::<HashSet<_>>())?;
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        for draft in &drafts {
            bytes.resize(bytes.len().next_multiple_of(gpu.alignment().max(4) as usize), 0);
            let start = bytes.len();
            bytes.extend(draft.bytes()?);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            places.push((start as u64, (bytes.len() - start) as u64));
        }
        let parameters = upload(gpu, &bytes)?;
        let mut step = Step { parts: Vec::new(), parameters };
        for ((draft, module), place) in drafts.iter().zip(&modules).zip(places) {
            match (draft, module) {
                (Draft::Dispatch(jobs), Some(module)) => {
                    let pipeline = gpu.pipeline(module)?;
                    let memory = step.bind(memory, &pipeline, windows, place);
                    let blocks = jobs.iter().map(|job| job.blocks).sum();
                    step.push(Dispatch {
                        pipeline,
                        memory,
                        groups: grid(blocks, gpu.most_groups()),
                        gathers: module.gathers,
                    });
                }
                (Draft::Copy { to, .. }, _) => {
                    step.parts.push(Part::Copy { from: place.0, to: to - START, bytes: place.1 });
                }
                (Draft::Dispatch(_), None) => unreachable!("a dispatch has a module"),
            }
        }
        Ok(step)
    }

    fn push(&mut self, dispatch: Dispatch) {
        #[cfg(test)]
        DISPATCHES.set(DISPATCHES.get() + 1);
        match self.parts.last_mut() {
            Some(Part::Dispatches(dispatches)) => dispatches.push(dispatch),
            _ => self.parts.push(Part::Dispatches(vec![dispatch])),
        }
    }

    fn bind(
        &self,
        memory: &GpuMemory,
        pipeline: &Pipeline,
        windows: Windows,
        (offset, bytes): (u64, u64),
    ) -> BindGroup {
        let part = |buffer, offset, bytes: u64| {
            BindingResource::Buffer(BufferBinding { buffer, offset, size: std::num::NonZeroU64::new(bytes) })
        };
        let all = memory.buffer.size();
        let of_arena: Vec<BindingResource<'_>> = match windows {
            Windows::Whole => vec![part(&memory.buffer, 0, all); 2],
            Windows::Several { count, bytes } => (0..u64::from(count))
                .map(|i| part(&memory.buffer, i * bytes, bytes.min(all - i * bytes)))
                .collect(),
        };
        let resources = std::iter::once(part(&self.parameters, offset, bytes)).chain(of_arena).enumerate();
        let entries: Vec<BindGroupEntry<'_>> = resources
            .map(|(binding, resource)| BindGroupEntry { binding: binding as u32, resource })
            .collect();
        let layout = &pipeline.memory;
        memory.gpu.device.create_bind_group(&BindGroupDescriptor { label: LABEL, layout, entries: &entries })
    }

    /// Records it once. What gathers is done with each of the windows on the dataset.
    pub(super) fn encode(&self, encoder: &mut CommandEncoder, memory: &Buffer, origin: &[BindGroup]) {
        for part in &self.parts {
            match part {
                Part::Copy { from, to, bytes } => {
                    encoder.copy_buffer_to_buffer(&self.parameters, *from, memory, *to, *bytes);
                }
                Part::Dispatches(dispatches) => {
                    let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
                    for dispatch in dispatches {
                        pass.set_pipeline(&dispatch.pipeline.compute);
                        pass.set_bind_group(0, &dispatch.memory, &[]);
                        let [across, down] = dispatch.groups;
                        if !dispatch.gathers {
                            pass.dispatch_workgroups(across, down, 1);
                            continue;
                        }
                        for window in origin {
                            pass.set_bind_group(1, window, &[]);
                            pass.dispatch_workgroups(across, down, 1);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
thread_local! {
    static DISPATCHES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Dispatches of all steps that this thread has made ready.
#[cfg(test)]
pub(super) fn dispatches_so_far() -> usize {
    DISPATCHES.get()
}

/// What becomes a part of a step.
enum Draft {
    Dispatch(Vec<Job>),
    Copy { to: Address, data: ConstantData },
}

impl Draft {
    /// A launch is one dispatch, but products that are not sliced are apart from those that are: a module has one way to cut them.
    fn of(order: Order) -> Vec<Draft> {
        match order {
            Order::Constant { to, data } => vec![Draft::Copy { to, data }],
            Order::Launch(Launch { jobs }) => {
                let is_sliced = |job: &Job| job.tile == Some(Tile::Sliced);
                let any_sliced = jobs.iter().any(is_sliced);
                let is_apart = |job: &Job| any_sliced && job.tile.is_some() && !is_sliced(job);
                let (apart, together): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(is_apart);
                [together, apart].into_iter().filter(|jobs| !jobs.is_empty()).map(Draft::Dispatch).collect()
            }
        }
    }

    fn module(&self, windows: Windows) -> Option<Module> {
        let Draft::Dispatch(jobs) = self else { return None };
        let mut kinds: Vec<Kind> = jobs.iter().map(|job| Kind::ALL[job.kind as usize]).collect();
        kinds.sort();
        kinds.dedup();
        let tile = jobs.iter().find_map(|job| job.tile).unwrap_or(Tile::Medium);
        Some(Module { kinds, tile, windows, gathers: jobs.iter().any(|job| job.gathers) })
    }

    /// What the device reads.
    fn bytes(&self) -> Result<Vec<u8>, DeviceFailure> {
        match self {
            Draft::Dispatch(jobs) => Ok(bytemuck::cast_slice(&parameters(jobs)?).to_vec()),
            Draft::Copy { data: ConstantData::F32(values), .. } => Ok(bytemuck::cast_slice(values).to_vec()),
            Draft::Copy { data: ConstantData::U8(bytes), .. } => Ok(bytes.to_vec()),
            Draft::Copy { data: ConstantData::Fill(value, count), .. } => {
                Ok(value.to_ne_bytes().repeat(*count))
            }
        }
    }
}

/// The number of jobs, the head of each, and then the parameters of each (`kernels/main.wgsl`).
fn parameters(jobs: &[Job]) -> Result<Vec<u32>, DeviceFailure> {
    let mut words = vec![jobs.len() as u32];
    let mut first = 0;
    let mut place = 1 + HEAD * jobs.len();
    for job in jobs {
        words.extend([first, job.blocks, job.kind, place as u32]);
        first += job.blocks;
        place += job.words.len();
    }
    for word in jobs.iter().flat_map(|job| &job.words) {
        words.push(match *word {
            Word::Number(number) => u32::try_from(number).map_err(|_| DeviceFailure::Width { number })?,
            Word::Address(0) => NULL,
            Word::Address(address) => ((address - START) / 4) as u32,
        });
    }
    Ok(words)
}

/// So many workgroups in two dimensions, of which each has a limit; a few too many, perhaps.
fn grid(blocks: u32, most: u32) -> [u32; 2] {
    let down = blocks.div_ceil(most).max(1);
    [blocks.div_ceil(down), down]
}

fn upload(gpu: &Gpu, bytes: &[u8]) -> Result<Buffer, DeviceFailure> {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
    let size = bytes.len().next_multiple_of(4).max(4) as u64;
    let descriptor = BufferDescriptor { label: LABEL, size, usage, mapped_at_creation: false };
    let (buffer, refused) = gpu.catching(ErrorFilter::OutOfMemory, || gpu.device.create_buffer(&descriptor));
    match refused {
        Some(error) => Err(DeviceFailure::Graphics { report: error.to_string() }),
        None => gpu.upload(&buffer, 0, bytes).map(|()| buffer),
    }
}
