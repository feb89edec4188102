//! Sessions: the memory of a training run, reserved once, in which plans are replayed.
//!
//! Several plans share one arena: what persists lies at the same offsets for all of them, and the temporaries of the
//! one that runs use the rest. That is how a last, smaller batch and the evaluation cost no memory of their own.

use std::borrow::Cow;
use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};

use crate::backend::cpu::{Cpu, CpuOptions};
use crate::backend::{Arena, Backend, Feed, Program};
use crate::plan::{Extent, MetricBlock, Plan, Slot, Staging, State};
use crate::source::Batches;
use crate::{DType, Error, MemoryReport, NodeId, Parameter, ParameterId, Tensor};

/// Sums over the batches since they were last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Σ of the losses of all samples.
    pub loss_sum: f64,
    /// Samples counted.
    pub samples: u64,
    /// Right answers among them, where counted.
    pub correct: u64,
    /// Mean loss of the last batch.
    pub last_loss: f64,
}

impl Metrics {
    /// Mean loss per sample; NaN before the first.
    pub fn mean_loss(&self) -> f64 {
        self.loss_sum / self.samples as f64
    }

    /// Share of right answers; NaN before the first sample.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples as f64
    }
}

/// A parameter, or a moment of one, in the order of files.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    stored: Cow<'a, [f32]>,
    order: FileOrder,
}

impl Values<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// All of them, one after another.
    pub fn iter(&self) -> impl Iterator<Item = f32> {
        (0..self.len()).map(|i| self.stored[self.order.place(i)])
    }

    /// All of them.
    pub fn to_vec(&self) -> Vec<f32> {
        self.iter().collect()
    }
}

/// Where in memory the elements of files lie.
#[derive(Clone, Copy, Debug)]
enum FileOrder {
    /// One after another.
    Straight,
    /// Row-major with so many rows and columns, where files have columns as rows.
    Transposed { rows: usize, columns: usize },
}

impl FileOrder {
    fn of(parameter: &Parameter) -> FileOrder {
        match (parameter.transposed, parameter.shape.dims()) {
            (true, &[rows, columns]) => FileOrder::Transposed { rows, columns },
            _ => FileOrder::Straight,
        }
    }

    /// The place of element `i` of a file.
    fn place(self, i: usize) -> usize {
        match self {
            FileOrder::Straight => i,
            FileOrder::Transposed { rows, columns } => i % rows * columns + i / rows,
        }
    }
}

/// Memory on a device, and the plans that run in it.
pub struct Session {
    backend: Arc<dyn Backend>,
    arena: Box<dyn Arena>,
    state: State,
    plans: Vec<Plan>,
    programs: Vec<Program>,
    /// Room for batches of datasets that are not in the device's memory.
    staging: Option<Staging>,
    /// The plan whose temporaries are in the arena now.
    last_run: Option<usize>,
}

impl Session {
    /// Reserves what all of `plans` together need: the persistent part once and the largest transient part. Everything
    /// is zero: set the parameters next.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if that is not to be had, [`Error::StateMismatch`] if the plans were made over different
    /// states, [`Error::Device`] if the device cannot be used any more.
    pub fn new(backend: &Arc<dyn Backend>, plans: Vec<Plan>) -> Result<Session, Error> {
        Session::reserve(backend, plans, None)
    }

    /// The same for datasets that stay in host memory. On a device with memory of its own there is then room for two
    /// batches in the arena, which are brought there as they are needed; elsewhere they are read in place.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn streaming(backend: &Arc<dyn Backend>, plans: Vec<Plan>) -> Result<Session, Error> {
        let staging = backend.has_own_memory().then(|| Staging::behind(&plans));
        Session::reserve(backend, plans, staging)
    }

    fn reserve(
        backend: &Arc<dyn Backend>,
        plans: Vec<Plan>,
        staging: Option<Staging>,
    ) -> Result<Session, Error> {
        let first = plans.first().ok_or_else(|| Error::Unknown("the first of no plans".into()))?;
        if let Some(plan) = plans.iter().position(|plan| plan.state() != first.state()) {
            return Err(Error::StateMismatch { plan });
        }
        // What the buffers' places ask for, not what the report counts: that both are the same is for tests to find out.
        let bytes = staging.map_or(Plan::bytes_together(&plans), |staging| staging.end());
        let mut arena = backend.reserve(bytes, &report(&plans, staging))?;
        let program = |(number, plan): (usize, &Plan)| Program {
            number,
            stages: plan.stages().to_vec(),
            offsets: plan.offsets(),
            batch_size: plan.batch_size(),
        };
        let programs: Vec<Program> = plans.iter().enumerate().map(program).collect();
        let in_series = |program: &Program| program.batch_size > 0 && staging.is_none();
        programs.iter().try_for_each(|program| arena.prepare(program, in_series(program)))?;
        Ok(Session {
            backend: backend.clone(),
            arena,
            state: first.state().clone(),
            programs,
            plans,
            staging,
            last_run: None,
        })
    }

    /// What the plans said the session would take, by category.
    pub fn planned(&self) -> MemoryReport {
        report(&self.plans, self.staging)
    }

    /// What [`Session::streaming`] with these plans would take on a device with memory of its own.
    pub fn streaming_report(plans: &[Plan]) -> MemoryReport {
        report(plans, Some(Staging::behind(plans)))
    }

    /// The bytes the session holds.
    pub fn reserved_bytes(&self) -> usize {
        self.arena.bytes()
    }

    /// The backend it runs on.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The plans, in the order given.
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// Runs plan number `plan` once for each batch in `batches`, back to back.
    ///
    /// # Errors
    /// [`Error::Source`] or [`Error::Label`] if the dataset does not fit the plan, [`Error::Rows`] if the rows are not
    /// whole batches: nothing has run then. [`Error::Device`] if the device fails; see [`Session::wait`].
    pub fn run(&mut self, plan: usize, batches: &Batches<'_>) -> Result<(), Error> {
        let program = self.programs.get(plan).ok_or_else(|| unknown_plan(plan))?;
        self.plans[plan].kernels().try_for_each(|kernel| batches.source.check(kernel))?;
        let (size, rows) = (program.batch_size, batches.rows.len());
        if size == 0 {
            return Err(Error::Source { expected: "no dataset".into(), found: "batches".into() });
        }
        if !rows.is_multiple_of(size) {
            return Err(Error::Rows { rows, batch_size: size });
        }
        if rows == 0 {
            return Ok(());
        }
        let arena = &mut self.arena;
        let steps = rows / size;
        self.last_run = None; // until all of it is asked for
        match (batches.source.resident_on(&self.backend), self.staging) {
            _ if !self.backend.has_own_memory() => arena.run(program, &Feed::Host(batches), steps)?,
            (Some(resident), _) if resident.room() < size => {
                return Err(Error::OrderRoom { room: resident.room(), batch_size: size });
            }
            (Some(resident), _) => {
                resident.feed(batches.rows, size, |feed, steps| arena.run(program, feed, steps))?;
            }
            (None, Some(staging)) => arena.run(program, &Feed::Staged { batches, staging }, steps)?,
            (None, None) => return Err(Error::NotResident { device: self.backend.device() }),
        }
        self.last_run = Some(plan);
        Ok(())
    }

    /// Runs plan number `plan`, which reads no dataset, once.
    ///
    /// # Errors
    /// If the plan takes batches; [`Error::Device`] if the device fails.
    pub fn run_once(&mut self, plan: usize) -> Result<(), Error> {
        let program = self.programs.get(plan).ok_or_else(|| unknown_plan(plan))?;
        if program.batch_size != 0 {
            return Err(Error::Source { expected: "batches of a dataset".into(), found: "none".into() });
        }
        self.last_run = Some(plan);
        self.arena.run(program, &Feed::None, 1)
    }

    /// An output of plan number `plan`, which must have run last (labels and bytes as numbers).
    ///
    /// # Errors
    /// [`Error::Unknown`] if the node is no output of that plan, [`Error::Stale`] if another plan has run since, or
    /// none yet; [`Error::Device`] if the device has failed.
    pub fn read(&self, plan: usize, node: NodeId) -> Result<ArrayD<f32>, Error> {
        let (extent, meta) = self.plans.get(plan).ok_or_else(|| unknown_plan(plan))?.output(node)?;
        if self.last_run != Some(plan) {
            return Err(Error::Stale { plan });
        }
        let values = match meta.dtype {
            DType::F32 => self.read_f32(extent)?,
            DType::U8 => self.read_bytes(extent)?.into_iter().map(f32::from).collect(),
        };
        Ok(ArrayD::from_shape_vec(IxDyn(meta.shape.dims()), values).expect("the extent has the shape's size"))
    }

    /// A parameter, row-major in the shape it has in files ([`crate::Parameter::file_shape`]).
    ///
    /// # Errors
    /// If there is no such parameter; [`Error::Device`] if the device has failed.
    pub fn parameter(&self, id: ParameterId) -> Result<Vec<f32>, Error> {
        Ok(self.parameter_values(id)?.to_vec())
    }

    /// The same without a copy, where the host can read the device's memory.
    ///
    /// # Errors
    /// If there is no such parameter; [`Error::Device`] if the device has failed.
    pub fn parameter_values(&self, id: ParameterId) -> Result<Values<'_>, Error> {
        self.values(Slot::Parameter(id), id)
    }

    /// Sets a parameter, given as in files.
    ///
    /// # Errors
    /// If there is no such parameter, or it has another number of elements; [`Error::Device`] if the device has failed.
    pub fn set_parameter(&mut self, id: ParameterId, values: &[f32]) -> Result<(), Error> {
        self.set_values(Slot::Parameter(id), id, values)
    }

    /// Sets a parameter to a function of an element's place in files.
    ///
    /// # Errors
    /// If there is no such parameter; [`Error::Device`] if the device has failed.
    pub fn fill_parameter(&mut self, id: ParameterId, value: impl Fn(usize) -> f32) -> Result<(), Error> {
        self.fill(Slot::Parameter(id), id, value)
    }

    /// The gradient computed last for a parameter, in the parameter's file order.
    ///
    /// # Errors
    /// If this session keeps none; [`Error::Device`] if the device has failed.
    pub fn gradient(&self, id: ParameterId) -> Result<Vec<f32>, Error> {
        Ok(self.values(Slot::Gradient(id), id)?.to_vec())
    }

    /// Moment `i` of a parameter, in the parameter's file order.
    ///
    /// # Errors
    /// If this session keeps none; [`Error::Device`] if the device has failed.
    pub fn moment(&self, i: usize, id: ParameterId) -> Result<Vec<f32>, Error> {
        Ok(self.moment_values(i, id)?.to_vec())
    }

    /// The same without a copy, where the host can read the device's memory.
    ///
    /// # Errors
    /// If this session keeps none; [`Error::Device`] if the device has failed.
    pub fn moment_values(&self, i: usize, id: ParameterId) -> Result<Values<'_>, Error> {
        self.values(Slot::Moment(i, id), id)
    }

    /// Sets moment `i` of a parameter.
    ///
    /// # Errors
    /// If this session keeps none, or it has another number of elements; [`Error::Device`] if the device has failed.
    pub fn set_moment(&mut self, i: usize, id: ParameterId, values: &[f32]) -> Result<(), Error> {
        self.set_values(Slot::Moment(i, id), id, values)
    }

    /// Optimizer steps taken.
    ///
    /// # Errors
    /// [`Error::Device`] if the device has failed.
    pub fn step(&self) -> Result<u64, Error> {
        let bytes = self.read_bytes(self.extent(Slot::StepBlock)?)?;
        Ok(word(&bytes, 0))
    }

    /// Sets the number of steps taken and the seed of what is random within a step.
    ///
    /// # Errors
    /// As [`Session::step`].
    pub fn set_step(&mut self, step: u64, seed: u64) -> Result<(), Error> {
        let extent = self.extent(Slot::StepBlock)?;
        self.arena.write(extent.offset, [step, seed].map(u64::to_ne_bytes).as_flattened())
    }

    /// Returns once everything asked of the device is done, for who measures time. On a host that is so already.
    ///
    /// # Errors
    /// [`Error::Device`] if something of it has failed.
    pub fn wait(&self) -> Result<(), Error> {
        self.metrics().map(drop) // what is read is there only then
    }

    /// The sums since the last reset.
    ///
    /// # Errors
    /// As [`Session::wait`].
    pub fn metrics(&self) -> Result<Metrics, Error> {
        let MetricBlock { loss_sum, samples, correct, last_sum, last_samples } = self.metric_block()?;
        Ok(Metrics { loss_sum, samples, correct, last_loss: last_sum / last_samples.max(1) as f64 })
    }

    /// Sets the sums, to go on from a checkpoint or (with the default) to start anew.
    ///
    /// # Errors
    /// As [`Session::wait`].
    pub fn set_metrics(&mut self, metrics: Metrics) -> Result<(), Error> {
        let extent = self.extent(Slot::Metrics)?;
        let Metrics { loss_sum, samples, correct, last_loss } = metrics;
        let words = [loss_sum.to_bits(), samples, correct, last_loss.to_bits(), 1].map(u64::to_ne_bytes);
        self.arena.write(extent.offset, words.as_flattened())
    }

    fn metric_block(&self) -> Result<MetricBlock, Error> {
        let bytes = self.read_bytes(self.extent(Slot::Metrics)?)?;
        Ok(MetricBlock {
            loss_sum: f64::from_bits(word(&bytes, 0)),
            samples: word(&bytes, 1),
            correct: word(&bytes, 2),
            last_sum: f64::from_bits(word(&bytes, 3)),
            last_samples: word(&bytes, 4),
        })
    }

    fn extent(&self, slot: Slot) -> Result<Extent, Error> {
        self.state.extent(slot).ok_or_else(|| Error::Unknown(slot.to_string()))
    }

    fn values(&self, slot: Slot, id: ParameterId) -> Result<Values<'_>, Error> {
        let extent = self.extent(slot)?;
        let stored = match self.arena.host() {
            Some(bytes) => Cow::Borrowed(bytemuck::cast_slice(&bytes[extent.offset..extent.end()])),
            None => Cow::Owned(self.read_f32(extent)?),
        };
        Ok(Values { stored, order: FileOrder::of(&self.state.parameters()[id.0]) })
    }

    fn set_values(&mut self, slot: Slot, id: ParameterId, values: &[f32]) -> Result<(), Error> {
        let expected = self.extent(slot)?.bytes / 4;
        if values.len() != expected {
            let what = format!("parameter {}", self.state.parameters()[id.0].name);
            return Err(Error::Length { what, expected, found: values.len() });
        }
        self.fill(slot, id, |i| values[i])
    }

    fn fill(&mut self, slot: Slot, id: ParameterId, value: impl Fn(usize) -> f32) -> Result<(), Error> {
        let extent = self.extent(slot)?;
        let order = FileOrder::of(&self.state.parameters()[id.0]);
        let set = |stored: &mut [f32]| (0..stored.len()).for_each(|i| stored[order.place(i)] = value(i));
        match self.arena.host_mut() {
            Some(bytes) => set(bytemuck::cast_slice_mut(&mut bytes[extent.offset..extent.end()])),
            None => {
                let mut stored = vec![0.0; extent.bytes / 4];
                set(&mut stored);
                self.arena.write(extent.offset, bytemuck::cast_slice(&stored))?;
            }
        }
        Ok(())
    }

    fn read_bytes(&self, extent: Extent) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; extent.bytes];
        self.arena.read(extent.offset, &mut bytes)?;
        Ok(bytes)
    }

    fn read_f32(&self, extent: Extent) -> Result<Vec<f32>, Error> {
        let bytes = self.read_bytes(extent)?;
        let (words, _) = bytes.as_chunks::<4>();
        Ok(words.iter().map(|word| f32::from_ne_bytes(*word)).collect())
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Session({} plans, {} bytes on {})",
            self.plans.len(),
            self.reserved_bytes(),
            self.backend.device()
        )
    }
}

/// Every byte of a session: that of its plans, and behind them what is staged.
fn report(plans: &[Plan], staging: Option<Staging>) -> MemoryReport {
    let mut report = Plan::report_together(plans);
    if let Some(staging) = staging {
        report.count(&staging.labelled(), Plan::bytes_together(plans)..staging.end());
    }
    report
}

/// The `i`th 8-byte word.
fn word(bytes: &[u8], i: usize) -> u64 {
    bytes.as_chunks::<8>().0.get(i).map_or(0, |word| u64::from_ne_bytes(*word))
}

fn unknown_plan(plan: usize) -> Error {
    Error::Unknown(format!("plan {plan}"))
}

/// Computes one tensor of a graph without parameters, on one thread of the CPU: for tests, examples and exploring.
///
/// # Errors
/// If the graph needs parameters, or memory runs out.
pub fn eval(tensor: Tensor<'_>) -> Result<ArrayD<f32>, Error> {
    eval_on(&Cpu::open(CpuOptions { threads: Some(1), ..CpuOptions::default() })?, &[tensor])
        .map(|mut v| v.remove(0))
}

/// Computes tensors of one graph without parameters on a backend.
///
/// # Errors
/// If the graph needs parameters, or memory runs out.
pub(crate) fn eval_on(backend: &Arc<dyn Backend>, tensors: &[Tensor<'_>]) -> Result<Vec<ArrayD<f32>>, Error> {
    let Some(first) = tensors.first() else { return Ok(Vec::new()) };
    let plan = Plan::new(first.graph(), &State::inference(&[])?, tensors)?;
    let mut session = Session::new(backend, vec![plan])?;
    session.run_once(0)?;
    tensors.iter().map(|tensor| session.read(0, tensor.id())).collect()
}

#[cfg(test)]
mod tests;
