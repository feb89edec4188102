//! An arena in an adapter's memory, and the steps that are ready to run in it.

use std::any::Any;
use std::collections::{HashMap, VecDeque};

use wgpu::{BindGroup, CommandEncoderDescriptor, PollType, SubmissionIndex};

use super::gpu::LABEL;
use super::memory::{GpuMemory, failed};
use super::origin::Origin;
use super::step::{START, Step};
use crate::backend::launch::lower;
use crate::backend::launch::lowering::{Lowering, Sizing};
use crate::backend::{self, Arena, Memory, Pace, ResidentParts};
use crate::dataset::DatasetRows;
use crate::error::{DeviceFailure, Error};
use crate::ir::{Extent, Program, Staging, Value};

/// Steps recorded together.
const STEPS_TOGETHER: usize = 16;
/// Submissions that may be on their way; the host waits for the first of more.
const MOST_AHEAD: usize = 4;
/// Groups of bindings on datasets that are kept.
const MOST_ORIGINS: usize = 8;

pub(super) struct WgpuArena {
    steps: HashMap<usize, Ready>,
    memory: GpuMemory,
    origins: HashMap<OriginKey, Vec<BindGroup>>,
    ahead: VecDeque<SubmissionIndex>,
    /// A batch that is being collected from a dataset in host memory.
    host: Vec<u8>,
    /// Batches uploaded so far, whose places alternate.
    turn: usize,
    sizing: Sizing,
}

/// A step, and the bytes of a sample that it reads.
struct Ready {
    step: Step,
    width: usize,
}

/// The number of a memory, the places in it, and the bytes of a sample.
type OriginKey = (u64, [usize; 3], usize);

impl Arena for WgpuArena {
    fn memory(&self) -> &dyn Memory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut dyn Memory {
        &mut self.memory
    }

    fn prepare(&mut self, program: &Program, _: Pace) -> Result<(), Error> {
        self.make_ready(program).map_err(|failure| failed(failure, &self.memory.ledger))
    }

    fn run(&mut self, program: &Program, origin: &backend::Origin<'_>, steps: usize) -> Result<(), Error> {
        self.prepare(program, Pace::Single)?; // usually done already
        self.run_on(program, origin, steps).map_err(|failure| failed(failure, &self.memory.ledger))
    }
}

impl WgpuArena {
    pub(super) fn new(memory: GpuMemory, sizing: Sizing) -> WgpuArena {
        WgpuArena {
            steps: HashMap::new(),
            memory,
            origins: HashMap::new(),
            ahead: VecDeque::new(),
            host: Vec::new(),
            turn: 0,
            sizing,
        }
    }

    /// Makes a step of a program that has not run here yet.
    fn make_ready(&mut self, program: &Program) -> Result<(), DeviceFailure> {
        if self.steps.contains_key(&program.number) {
            return Ok(());
        }
        let value = |value: Value| START + program.offsets[value.index()] as u64;
        let feed = START + self.memory.feed();
        let lowering = Lowering { value: &value, feed, sizing: self.sizing };
        let orders = lower::step(&program.stages, program.batch_size, &lowering);
        let needs = program.stages.iter().flatten().find_map(|kernel| kernel.needs().samples);
        let width = needs.map_or(0, |samples| samples.elements * samples.dtype.size());
        let step = Step::new(&self.memory, orders)?;
        self.steps.insert(program.number, Ready { step, width });
        Ok(())
    }

    fn run_on(
        &mut self,
        program: &Program,
        origin: &backend::Origin<'_>,
        steps: usize,
    ) -> Result<(), DeviceFailure> {
        match origin {
            backend::Origin::None => self.run_steps(program, None, steps),
            backend::Origin::Staged { rows, staging } => self.run_staged(program, rows, *staging),
            backend::Origin::Resident { memory, parts, .. } => {
                let memory = (*memory as &dyn Any).downcast_ref::<GpuMemory>();
                let memory = memory.expect("the session has checked that the dataset lies on this device");
                let ResidentParts { samples, targets, order } = *parts;
                let key = self.bound(program, Some(memory), [samples, targets], Some(order))?;
                self.run_steps(program, Some(key), steps)
            }
            backend::Origin::Host(_) => unreachable!("this device reads no host memory, and says so"),
        }
    }

    /// Runs one step on each batch of `rows`, uploaded to a place in the arena before it; the places alternate.
    fn run_staged(
        &mut self,
        program: &Program,
        rows: &DatasetRows<'_>,
        staging: Staging,
    ) -> Result<(), DeviceFailure> {
        for order in rows.order.chunks(program.batch_size) {
            let places = staging.places(self.turn);
            self.turn += 1;
            let start = places[0].offset;
            self.host.resize(places[1].end() - start, 0);
            let in_host = places.map(|place| Extent { offset: place.offset - start, ..place });
            rows.data.copy_rows(order, &mut self.host, in_host);
            self.memory.upload(start, &self.host)?;
            let key = self.bound(program, None, places, None)?;
            self.run_steps(program, Some(key), 1)?;
        }
        Ok(())
    }

    /// Bindings on a dataset in `memory`, or in the arena; made if they are not there.
    fn bound(
        &mut self,
        program: &Program,
        memory: Option<&GpuMemory>,
        [samples, targets]: [Extent; 2],
        order: Option<Extent>,
    ) -> Result<OriginKey, DeviceFailure> {
        let width = self.steps[&program.number].width;
        let memory = memory.unwrap_or(&self.memory);
        let key =
            (memory.number, [samples.offset, targets.offset, order.map_or(0, |order| order.offset)], width);
        if !self.origins.contains_key(&key) {
            let origin = Origin { buffer: &memory.buffer, samples, targets, order, width };
            let bound = origin.bind(&memory.gpu)?;
            if self.origins.len() == MOST_ORIGINS {
                self.origins.clear();
            }
            self.origins.insert(key, bound);
        }
        Ok(key)
    }

    /// Queues steps from the feed's beginning; does not wait for their end.
    fn run_steps(
        &mut self,
        program: &Program,
        origin: Option<OriginKey>,
        steps: usize,
    ) -> Result<(), DeviceFailure> {
        let (gpu, buffer) = (&self.memory.gpu, &self.memory.buffer);
        let step = &self.steps[&program.number].step;
        let origin = origin.map_or(&[][..], |key| &self.origins[&key]);
        gpu.upload(buffer, self.memory.feed(), &[0; 4])?;
        for first in (0..steps).step_by(STEPS_TOGETHER) {
            let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor { label: LABEL });
            for _ in first..steps.min(first + STEPS_TOGETHER) {
                step.encode(&mut encoder, buffer, origin);
            }
            self.ahead.push_back(gpu.queue.submit([encoder.finish()]));
            if self.ahead.len() > MOST_AHEAD {
                let submission_index = self.ahead.pop_front();
                let polled = gpu.device.poll(PollType::Wait { submission_index, timeout: None });
                gpu.check()?;
                polled.map_err(|error| DeviceFailure::Graphics { report: error.to_string() })?;
            }
        }
        gpu.check()
    }
}
