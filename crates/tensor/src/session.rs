//! Sessions: the memory of a training run, reserved once, in which plans are replayed.
//!
//! Several plans share one arena: what persists lies at the same offsets for all of them, and the temporaries of the
//! one that runs use the rest. That is how a last, smaller batch and the evaluation cost no extra memory.

use std::collections::HashMap;

use ndarray::{ArrayD, IxDyn};

use crate::backend::cpu::{Cpu, CpuOptions};
use crate::backend::{Arena, Backend, Origin, Pace};
use crate::error::{DataKind, Error, SourceError};
use crate::graph::{Parameters, Tensor};
use crate::ir::{
    Clock, Extent, Layout, MemoryReport, MetricBlock, Metrics, NumberTypes, ParameterId, Program, Slot,
    Staging, StepBlock, TensorId,
};
use crate::plan::{Gradients, Inputs, Layouts, Plan, State};
use crate::source::Batches;
use crate::values::{FileView, Values};

/// Memory on a device, and the plans that run in it.
///
/// ```
/// use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
/// use plangrad_tensor::*;
///
/// let mut list = Parameters::new();
/// let w = list.add("w", Shape::new(&[2])?, Role::Trained, FileOrder::AsInGraph)?;
///
/// let (graph, sgd) = (Graph::new(), Optimizer::sgd());
/// graph.advance(sgd, Schedule::Constant { learning_rate: 0.5 })?;
/// let loss = graph.parameter(&w)?.square_sum()?;
/// let gradient = graph.gradients(loss, &[graph.parameter(&w)?])?[0];
/// graph.update(sgd, &w, gradient)?;
/// let plan = Plan::new(&graph, &State::training(&list, sgd)?, &[loss])?;
///
/// let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![plan])?;
/// session.set_parameter(w.id(), &[3.0, 4.0])?;
/// session.run_once(0)?;
/// assert_eq!(session.read(0, loss.id())?.sum(), 25.0);
/// assert_eq!(session.gradient(w.id())?, [6.0, 8.0]);
/// assert_eq!(session.parameter_values(w.id())?.to_vec(), [0.0, 0.0]);
/// assert_eq!(session.reserved_bytes() as u64, session.planned().total());
/// # Ok::<(), Error>(())
/// ```
pub struct Session {
    backend: Backend,
    arena: Box<dyn Arena>,
    state: State,
    /// How each parameter lies, and what is kept for it.
    layouts: HashMap<ParameterId, Layout>,
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
    /// [`Error::OutOfMemory`] if that is not available, [`Error::StateMismatch`] if the plans were made over different
    /// states, [`Error::NumberTypes`] if the device does not compute with theirs, [`Error::Gradients`] if it cannot consume
    /// gradients, [`Error::Device`] if it cannot be used any more.
    pub fn new(backend: &Backend, plans: Vec<Plan>) -> Result<Session, Error> {
        Session::reserve(backend, plans, None)
    }

    /// The same for datasets that stay in host memory. On a device with its own memory there is then room for two
    /// batches in the arena, which are brought there as they are needed; elsewhere they are read in place.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn streaming(backend: &Backend, plans: Vec<Plan>) -> Result<Session, Error> {
        let staging = backend.has_own_memory().then(|| Plan::staging(&plans));
        Session::reserve(backend, plans, staging)
    }

    fn reserve(backend: &Backend, plans: Vec<Plan>, staging: Option<Staging>) -> Result<Session, Error> {
        let first = plans.first().ok_or(Error::NoPlan { plan: 0, plans: 0 })?;
        if let Some(plan) = plans.iter().position(|plan| !plan.state().keeps_the_same_as(first.state())) {
            return Err(Error::StateMismatch { plan });
        }
        let types = first.state().number_types();
        if !backend.computes_with(types) {
            return Err(Error::NumberTypes { device: backend.device(), types });
        }
        if first.state().gradients() == Gradients::Consumed && !backend.device().consumes_gradients() {
            return Err(Error::Gradients { device: backend.device() });
        }
        if first.state().inputs() == Inputs::InPlace && !backend.device().reads_in_place() {
            return Err(Error::Inputs { device: backend.device() });
        }
        // What the buffers' places ask for, not what the report counts: that both are the same is for tests to find out.
        let bytes = staging.map_or(Plan::bytes_together(&plans), |staging| staging.end());
        let mut arena = backend.reserve_arena(bytes, &report(&plans, staging))?;
        let layouts = Layouts::choose(&plans, backend.panel_columns());
        let program = |(i, plan): (usize, &Plan)| plan.program(i, &layouts);
        let programs: Vec<Program> = plans.iter().enumerate().map(program).collect();
        for program in &programs {
            let in_series = program.batch_size > 0 && staging.is_none();
            arena.prepare(program, if in_series { Pace::Series } else { Pace::Single })?;
        }
        let (backend, state, layouts) = (backend.clone(), first.state().clone(), layouts.parameters);
        Ok(Session { backend, arena, state, layouts, programs, plans, staging, last_run: None })
    }

    /// What the plans said the session would take, by category.
    #[must_use]
    pub fn planned(&self) -> MemoryReport {
        report(&self.plans, self.staging)
    }

    /// What [`Session::streaming`] with these plans would take on a device with its own memory.
    #[must_use]
    pub fn streaming_report(plans: &[Plan]) -> MemoryReport {
        report(plans, Some(Plan::staging(plans)))
    }

    /// The bytes the session holds.
    #[must_use]
    pub fn reserved_bytes(&self) -> usize {
        self.arena.memory().bytes()
    }

    /// The backend it runs on.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The plans, in the order given.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// Runs plan number `plan` once for each batch in `batches`, back to back.
    ///
    /// # Errors
    /// [`Error::Source`] or [`Error::Label`] if the dataset does not fit the plan, [`Error::Rows`] if the rows are not
    /// whole batches: nothing has run then. [`Error::Device`] if the device fails; see [`Session::wait`].
    pub fn run(&mut self, plan: usize, batches: &Batches<'_>) -> Result<(), Error> {
        let program = self.programs.get(plan).ok_or_else(|| self.no_plan(plan))?;
        let source = batches.source();
        source.check(self.plans[plan].needs())?;
        let (size, rows) = (program.batch_size, batches.rows().len());
        if size == 0 {
            return Err(SourceError::Unread.into());
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
        match (source.resident_on(&self.backend), self.staging) {
            _ if !self.backend.has_own_memory() => {
                arena.run(program, &Origin::Host(batches.on_host()), steps)?
            }
            (Some(resident), _) if resident.room() < size => {
                return Err(Error::OrderRoom { room: resident.room(), batch_size: size });
            }
            (Some(resident), _) => {
                resident.feed(batches.rows(), size, |feed, steps| arena.run(program, feed, steps))?;
            }
            (None, Some(staging)) => {
                arena.run(program, &Origin::Staged { rows: batches.on_host(), staging }, steps)?;
            }
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
        let program = self.programs.get(plan).ok_or_else(|| self.no_plan(plan))?;
        if program.batch_size != 0 {
            return Err(SourceError::Missing.into());
        }
        self.last_run = None; // until it has run
        self.arena.run(program, &Origin::None, 1)?;
        self.last_run = Some(plan);
        Ok(())
    }

    /// An output of plan number `plan`, which must have run last (labels and bytes as numbers). An output that is a
    /// parameter is read as it is now, after the run's update and whatever was set since.
    ///
    /// # Errors
    /// [`Error::NotAnOutput`] if it is not an output of that plan, [`Error::Stale`] if another plan has run since, or
    /// none yet; [`Error::Device`] if the device has failed.
    pub fn read(&self, plan: usize, tensor: TensorId) -> Result<ArrayD<f32>, Error> {
        let (extent, meta) = self.plans.get(plan).ok_or_else(|| self.no_plan(plan))?.output(tensor)?;
        if self.last_run != Some(plan) {
            return Err(Error::Stale { plan });
        }
        let values = meta.dtype.decode_all(&self.read_bytes(extent)?);
        Ok(ArrayD::from_shape_vec(IxDyn(meta.shape.dims()), values).expect("the extent has the shape's size"))
    }

    /// A parameter, row-major in the shape it has in files ([`crate::Parameter::file_shape`]).
    ///
    /// # Errors
    /// [`Error::NotKept`] for a parameter of another model; [`Error::Device`] if the device has failed.
    pub fn parameter(&self, id: ParameterId) -> Result<Vec<f32>, Error> {
        Ok(self.parameter_values(id)?.to_vec())
    }

    /// The same without a copy, where the host can read the device's memory.
    ///
    /// # Errors
    /// [`Error::NotKept`] for a parameter of another model; [`Error::Device`] if the device has failed.
    pub fn parameter_values(&self, id: ParameterId) -> Result<Values<'_>, Error> {
        self.values(Slot::Parameter(id), id)
    }

    /// Sets a parameter, given as in files. Its running average, if one is kept, begins anew there.
    ///
    /// # Errors
    /// [`Error::NotKept`] for a parameter of another model, [`Error::Length`] for another number of elements; [`Error::Device`] if the device has failed.
    pub fn set_parameter(&mut self, id: ParameterId, values: &[f32]) -> Result<(), Error> {
        let view = self.view(Slot::Parameter(id), id)?;
        if values.len() != view.len() {
            let what = DataKind::Parameter { name: self.state.parameter(id)?.name().to_owned() };
            return Err(Error::Length { what, expected: view.len(), found: values.len() });
        }
        self.fill_parameter(id, |i| values[i])
    }

    /// Sets a parameter to a function of an element's place in files. Its running average, if one is kept, begins anew there.
    ///
    /// # Errors
    /// [`Error::NotKept`] for a parameter of another model; [`Error::Device`] if the device has failed.
    pub fn fill_parameter(&mut self, id: ParameterId, value: impl Fn(usize) -> f32) -> Result<(), Error> {
        self.fill(Slot::Parameter(id), id, &value)?;
        match self.state.entry(Slot::Average(id)) {
            Ok(_) => self.fill(Slot::Average(id), id, &value),
            Err(_) => Ok(()),
        }
    }

    /// The running average of a parameter, in the parameter's file order.
    ///
    /// # Errors
    /// [`Error::NotKept`] if this session keeps none; [`Error::Device`] if the device has failed.
    pub fn average(&self, id: ParameterId) -> Result<Vec<f32>, Error> {
        Ok(self.average_values(id)?.to_vec())
    }

    /// The same without a copy, where the host can read the device's memory.
    ///
    /// # Errors
    /// [`Error::NotKept`] if this session keeps none; [`Error::Device`] if the device has failed.
    pub fn average_values(&self, id: ParameterId) -> Result<Values<'_>, Error> {
        self.values(Slot::Average(id), id)
    }

    /// Sets the running average of a parameter to a function of an element's place in files.
    ///
    /// # Errors
    /// [`Error::NotKept`] if this session keeps none; [`Error::Device`] if the device has failed.
    pub fn fill_average(&mut self, id: ParameterId, value: impl Fn(usize) -> f32) -> Result<(), Error> {
        self.fill(Slot::Average(id), id, value)
    }

    /// The gradient computed last for a parameter, in the parameter's file order.
    ///
    /// # Errors
    /// [`Error::NotKept`] if this session keeps none; [`Error::Device`] if the device has failed.
    pub fn gradient(&self, id: ParameterId) -> Result<Vec<f32>, Error> {
        Ok(self.values(Slot::Gradient(id), id)?.to_vec())
    }

    /// Moment `i` of a parameter, in the parameter's file order.
    ///
    /// # Errors
    /// [`Error::NotKept`] if this session keeps none; [`Error::Device`] if the device has failed.
    pub fn moment(&self, i: usize, id: ParameterId) -> Result<Vec<f32>, Error> {
        Ok(self.moment_values(i, id)?.to_vec())
    }

    /// The same without a copy, where the host can read the device's memory.
    ///
    /// # Errors
    /// [`Error::NotKept`] if this session keeps none; [`Error::Device`] if the device has failed.
    pub fn moment_values(&self, i: usize, id: ParameterId) -> Result<Values<'_>, Error> {
        self.values(Slot::Moment(i, id), id)
    }

    /// Sets moment `i` of a parameter to a function of an element's place in files.
    ///
    /// # Errors
    /// [`Error::NotKept`] if this session keeps none; [`Error::Device`] if the device has failed.
    pub fn fill_moment(
        &mut self,
        i: usize,
        id: ParameterId,
        value: impl Fn(usize) -> f32,
    ) -> Result<(), Error> {
        self.fill(Slot::Moment(i, id), id, value)
    }

    /// Optimizer steps taken.
    ///
    /// # Errors
    /// [`Error::Device`] if the device has failed.
    pub fn step(&self) -> Result<u64, Error> {
        Ok(self.step_block()?.step)
    }

    /// Sets the number of steps taken and the seed of what is random within a step.
    ///
    /// # Errors
    /// As [`Session::step`].
    pub fn set_step(&mut self, step: u64, seed: u64) -> Result<(), Error> {
        let block = StepBlock { step, seed, ..self.step_block()? };
        let bytes = block.to_bytes(self.arena.numbers());
        for clock in self.state.clocks() {
            let extent = self.state.entry(Slot::StepBlock(clock))?.extent;
            self.arena.memory_mut().write(extent.offset, &bytes)?;
        }
        Ok(())
    }

    fn step_block(&self) -> Result<StepBlock, Error> {
        let extent = self.state.entry(Slot::StepBlock(Clock::STEP))?.extent;
        let mut bytes = [0; StepBlock::BYTES];
        self.arena.memory().read(extent.offset, &mut bytes)?;
        Ok(StepBlock::from_bytes(bytes, self.arena.numbers()))
    }

    /// Blocks until queued work has finished, for callers that measure time. On a host nothing is queued.
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
        let extent = self.state.entry(Slot::Metrics)?.extent;
        let mut bytes = [0; MetricBlock::BYTES];
        self.arena.memory().read(extent.offset, &mut bytes)?;
        Ok(MetricBlock::from_bytes(bytes, self.arena.numbers()).into())
    }

    /// Sets the sums, to continue from a checkpoint or (with the default) to start over.
    ///
    /// # Errors
    /// As [`Session::wait`].
    pub fn set_metrics(&mut self, metrics: Metrics) -> Result<(), Error> {
        let extent = self.state.entry(Slot::Metrics)?.extent;
        let bytes = MetricBlock::from(metrics).to_bytes(self.arena.numbers());
        self.arena.memory_mut().write(extent.offset, &bytes)
    }

    fn no_plan(&self, plan: usize) -> Error {
        Error::NoPlan { plan, plans: self.plans.len() }
    }

    /// What slot of a parameter holds, as files have it.
    fn values(&self, slot: Slot, id: ParameterId) -> Result<Values<'_>, Error> {
        let view = self.view(slot, id)?;
        let extent = view.extent();
        match self.arena.memory().host() {
            Some(bytes) => Ok(view.borrow(&bytes[extent.offset..extent.end()])),
            None => Ok(view.own(self.read_bytes(extent)?)),
        }
    }

    fn fill(&mut self, slot: Slot, id: ParameterId, value: impl Fn(usize) -> f32) -> Result<(), Error> {
        let view = self.view(slot, id)?;
        let extent = view.extent();
        let memory = self.arena.memory_mut();
        match memory.host_mut() {
            Some(bytes) => view.fill(&mut bytes[extent.offset..extent.end()], value),
            None => {
                let mut stored = vec![0; extent.bytes];
                view.fill(&mut stored, value);
                memory.write(extent.offset, &stored)?;
            }
        }
        Ok(())
    }

    /// How files see a slot of a parameter.
    fn view(&self, slot: Slot, id: ParameterId) -> Result<FileView, Error> {
        Ok(FileView::new(self.state.parameter(id)?.clone(), self.state.entry(slot)?, self.layouts[&id]))
    }

    fn read_bytes(&self, extent: Extent) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; extent.bytes];
        self.arena.memory().read(extent.offset, &mut bytes)?;
        Ok(bytes)
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
pub(crate) fn eval_on(backend: &Backend, tensors: &[Tensor<'_>]) -> Result<Vec<ArrayD<f32>>, Error> {
    eval_with(backend, NumberTypes::default(), tensors)
}

/// The same with these types of numbers.
pub(crate) fn eval_with(
    backend: &Backend,
    types: NumberTypes,
    tensors: &[Tensor<'_>],
) -> Result<Vec<ArrayD<f32>>, Error> {
    let Some(first) = tensors.first() else { return Ok(Vec::new()) };
    let state = State::inference(&Parameters::new())?.with_number_types(types)?;
    let plan = Plan::new(first.graph(), &state, tensors)?;
    let mut session = Session::new(backend, vec![plan])?;
    session.run_once(0)?;
    tensors.iter().map(|tensor| session.read(0, tensor.id())).collect()
}

#[cfg(test)]
mod tests;
