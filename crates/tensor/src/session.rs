//! Sessions: the memory of a training run, reserved once, in which plans are replayed.
//!
//! Several plans share one arena: what persists lies at the same offsets for all of them, and the temporaries of the
//! one that runs use the rest. That is how a last, smaller batch and the evaluation cost no memory of their own.

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};

use crate::backend::cpu::{Cpu, CpuOptions};
use crate::backend::{Arena, Backend, Program};
use crate::ops::gather::TargetFormat;
use crate::plan::{Extent, Kernel, MetricBlock, Plan, Slot, State, StepBlock};
use crate::{DType, Error, MemoryReport, NodeId, ParameterId, Tensor};

/// The samples of a dataset, one after another.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Pixels as they lie in the file.
    U8(Vec<u8>),
    /// Values of tables.
    F32(Vec<f32>),
}

/// What is known about each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// A class each.
    Classes(Vec<u8>),
    /// `width` values each.
    Values {
        /// All values, sample by sample.
        values: Vec<f32>,
        /// Values per sample.
        width: usize,
    },
}

/// A dataset in host memory, read in place.
#[derive(Clone, Debug)]
pub struct Source {
    samples: Samples,
    targets: Targets,
    sample_elements: usize,
    len: usize,
    /// First sample with the largest label.
    largest_label: Option<(usize, u8)>,
}

/// Rows of a dataset in the order in which a run takes them.
#[derive(Clone, Copy, Debug)]
pub struct Batches<'a> {
    pub(crate) source: &'a Source,
    pub(crate) rows: &'a [u32],
}

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

impl Source {
    /// A dataset of samples with `sample_elements` elements each.
    ///
    /// # Errors
    /// [`Error::Length`] if samples and targets do not count the same.
    pub fn new(samples: Samples, targets: Targets, sample_elements: usize) -> Result<Source, Error> {
        let elements = match &samples {
            Samples::U8(bytes) => bytes.len(),
            Samples::F32(values) => values.len(),
        };
        let (len, target_elements, expected) = match &targets {
            Targets::Classes(labels) => (labels.len(), labels.len(), labels.len()),
            Targets::Values { values, width } => {
                let len = values.len() / (*width).max(1);
                (len, values.len(), len * width)
            }
        };
        let length = |what: &str, expected, found| Error::Length { what: what.into(), expected, found };
        if target_elements != expected {
            return Err(length("the list of targets", expected, target_elements));
        }
        match len.checked_mul(sample_elements) {
            Some(n) if n == elements && u32::try_from(len).is_ok() => {}
            _ => return Err(length("the list of samples", len.saturating_mul(sample_elements), elements)),
        }
        let largest_label = match &targets {
            Targets::Classes(labels) => labels.iter().max().map(|&max| {
                (labels.iter().position(|&label| label == max).expect("the maximum is among them"), max)
            }),
            Targets::Values { .. } => None,
        };
        Ok(Source { samples, targets, sample_elements, len, largest_label })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Elements of one sample.
    pub fn sample_elements(&self) -> usize {
        self.sample_elements
    }

    /// All samples.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// All targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// These rows of the dataset, in this order.
    ///
    /// # Errors
    /// [`Error::Row`] if one of them does not exist.
    pub fn batches<'a>(&'a self, rows: &'a [u32]) -> Result<Batches<'a>, Error> {
        match rows.iter().find(|&&row| row as usize >= self.len) {
            Some(&row) => Err(Error::Row { row, rows: self.len }),
            None => Ok(Batches { source: self, rows }),
        }
    }

    /// Whether `kernel`, if it reads a dataset, can read this one.
    fn check(&self, kernel: &Kernel) -> Result<(), Error> {
        let (expected, found) = match kernel {
            Kernel::Gather(k) => {
                let dtype = match self.samples {
                    Samples::U8(_) => DType::U8,
                    Samples::F32(_) => DType::F32,
                };
                let elements = k.channels * k.pixels;
                (
                    format!("samples of {elements} {}", k.dtype),
                    format!("samples of {} {dtype}", self.sample_elements),
                )
            }
            Kernel::GatherTargets(k) => {
                let describe = |format| match format {
                    TargetFormat::Class => "class labels".to_string(),
                    TargetFormat::Values(width) => format!("{width} target values per sample"),
                };
                let found = match &self.targets {
                    Targets::Classes(_) => TargetFormat::Class,
                    Targets::Values { width, .. } => TargetFormat::Values(*width),
                };
                (describe(k.format), describe(found))
            }
            _ => return Ok(()),
        };
        if expected == found { Ok(()) } else { Err(Error::Source { expected, found }) }
    }
}

/// Memory on a device, and the plans that run in it.
pub struct Session {
    backend: Arc<dyn Backend>,
    arena: Box<dyn Arena>,
    state: State,
    plans: Vec<Plan>,
    programs: Vec<Program>,
}

impl Session {
    /// Reserves what all of `plans` together need: the persistent part once and the largest transient part. Everything
    /// is zero: set the parameters next.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if that is not to be had, [`Error::StateMismatch`] if the plans were made over different
    /// states.
    pub fn new(backend: &Arc<dyn Backend>, plans: Vec<Plan>) -> Result<Session, Error> {
        let first = plans.first().ok_or_else(|| Error::Unknown("the first of no plans".into()))?;
        if let Some(plan) = plans.iter().position(|plan| plan.state() != first.state()) {
            return Err(Error::StateMismatch { plan });
        }
        let arena = backend.reserve(Plan::bytes_together(&plans), &Plan::report_together(&plans))?;
        let program = |plan: &Plan| Program {
            stages: plan.stages().to_vec(),
            offsets: plan.offsets(),
            batch_size: plan.batch_size(),
        };
        let programs = plans.iter().map(program).collect();
        Ok(Session { backend: backend.clone(), arena, state: first.state().clone(), programs, plans })
    }

    /// What the plans said the session would take, by category.
    pub fn planned(&self) -> MemoryReport {
        Plan::report_together(&self.plans)
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
    /// If the dataset does not fit the plan, or the rows are not whole batches.
    pub fn run(&mut self, plan: usize, batches: &Batches<'_>) -> Result<(), Error> {
        let program = self.programs.get(plan).ok_or_else(|| Error::Unknown(format!("plan {plan}")))?;
        self.plans[plan].kernels().try_for_each(|kernel| batches.source.check(kernel))?;
        check_labels(batches.source, self.plans[plan].classes())?;
        let size = program.batch_size.max(1);
        if !batches.rows.len().is_multiple_of(size) {
            let expected = batches.rows.len() / size * size;
            return Err(Error::Length {
                what: "the list of rows".into(),
                expected,
                found: batches.rows.len(),
            });
        }
        self.arena.run(program, Some(batches), batches.rows.len() / size);
        Ok(())
    }

    /// Runs plan number `plan`, which reads no dataset, once.
    ///
    /// # Errors
    /// If the plan takes batches.
    pub fn run_once(&mut self, plan: usize) -> Result<(), Error> {
        let program = self.programs.get(plan).ok_or_else(|| Error::Unknown(format!("plan {plan}")))?;
        if program.batch_size != 0 {
            return Err(Error::Source { expected: "batches of a dataset".into(), found: "none".into() });
        }
        self.arena.run(program, None, 1);
        Ok(())
    }

    /// An output of plan number `plan` as it was computed last (labels and bytes as numbers).
    ///
    /// # Errors
    /// If the node is no output of that plan.
    pub fn read(&self, plan: usize, node: NodeId) -> Result<ArrayD<f32>, Error> {
        let plan = self.plans.get(plan).ok_or_else(|| Error::Unknown(format!("plan {plan}")))?;
        let (extent, meta) = plan.output(node)?;
        let values = match meta.dtype {
            DType::F32 => self.read_f32(extent),
            DType::U8 => self.read_bytes(extent).into_iter().map(f32::from).collect(),
        };
        Ok(ArrayD::from_shape_vec(IxDyn(meta.shape.dims()), values).expect("the extent has the shape's size"))
    }

    /// A parameter, row-major in the shape it has in files ([`crate::Parameter::file_shape`]).
    ///
    /// # Errors
    /// If there is no such parameter.
    pub fn parameter(&self, id: ParameterId) -> Result<Vec<f32>, Error> {
        self.read_slot(Slot::Parameter(id), id)
    }

    /// Sets a parameter, given as in files.
    ///
    /// # Errors
    /// If there is no such parameter, or it has another number of elements.
    pub fn set_parameter(&mut self, id: ParameterId, values: &[f32]) -> Result<(), Error> {
        self.write_slot(Slot::Parameter(id), id, values)
    }

    /// The gradient computed last for a parameter, in the parameter's file order.
    ///
    /// # Errors
    /// If this session keeps none.
    pub fn gradient(&self, id: ParameterId) -> Result<Vec<f32>, Error> {
        self.read_slot(Slot::Gradient(id), id)
    }

    /// Moment `i` of a parameter, in the parameter's file order.
    ///
    /// # Errors
    /// If this session keeps none.
    pub fn moment(&self, i: usize, id: ParameterId) -> Result<Vec<f32>, Error> {
        self.read_slot(Slot::Moment(i, id), id)
    }

    /// Sets moment `i` of a parameter.
    ///
    /// # Errors
    /// If this session keeps none, or it has another number of elements.
    pub fn set_moment(&mut self, i: usize, id: ParameterId, values: &[f32]) -> Result<(), Error> {
        self.write_slot(Slot::Moment(i, id), id, values)
    }

    /// Optimizer steps taken.
    pub fn step(&self) -> u64 {
        self.step_block().step
    }

    /// Sets the number of steps taken and the seed of what is random within a step.
    pub fn set_step(&mut self, step: u64, seed: u64) {
        let block = StepBlock { step, seed, ..StepBlock::default() };
        let extent = self.extent(Slot::StepBlock).expect("every state has a step block");
        let words = [block.step.to_ne_bytes(), block.seed.to_ne_bytes()].concat();
        self.arena.write(extent.offset, &words);
    }

    /// The sums since the last reset.
    pub fn metrics(&self) -> Metrics {
        let block = self.metric_block();
        let MetricBlock { loss_sum, samples, correct, last_loss } = block;
        Metrics { loss_sum, samples, correct, last_loss }
    }

    /// Sets the sums, to go on from a checkpoint or (with the default) to start anew.
    pub fn set_metrics(&mut self, metrics: Metrics) {
        let extent = self.extent(Slot::Metrics).expect("every state has metric sums");
        let Metrics { loss_sum, samples, correct, last_loss } = metrics;
        let words =
            [loss_sum.to_ne_bytes(), samples.to_ne_bytes(), correct.to_ne_bytes(), last_loss.to_ne_bytes()]
                .concat();
        self.arena.write(extent.offset, &words);
    }

    fn step_block(&self) -> StepBlock {
        let bytes = self.read_bytes(self.extent(Slot::StepBlock).expect("every state has a step block"));
        StepBlock { step: word(&bytes, 0), seed: word(&bytes, 1), ..StepBlock::default() }
    }

    fn metric_block(&self) -> MetricBlock {
        let bytes = self.read_bytes(self.extent(Slot::Metrics).expect("every state has metric sums"));
        MetricBlock {
            loss_sum: f64::from_bits(word(&bytes, 0)),
            samples: word(&bytes, 1),
            correct: word(&bytes, 2),
            last_loss: f64::from_bits(word(&bytes, 3)),
        }
    }

    fn extent(&self, slot: Slot) -> Result<Extent, Error> {
        self.state.extent(slot).ok_or_else(|| Error::Unknown(format!("{slot:?}")))
    }

    fn read_slot(&self, slot: Slot, id: ParameterId) -> Result<Vec<f32>, Error> {
        let values = self.read_f32(self.extent(slot)?);
        let parameter = &self.state.parameters()[id.0];
        match (parameter.transposed, parameter.shape.dims()) {
            (true, &[rows, columns]) => Ok(transpose(&values, rows, columns)),
            _ => Ok(values),
        }
    }

    fn write_slot(&mut self, slot: Slot, id: ParameterId, values: &[f32]) -> Result<(), Error> {
        let extent = self.extent(slot)?;
        if values.len() * 4 != extent.bytes {
            let what = format!("parameter {}", self.state.parameters()[id.0].name);
            return Err(Error::Length { what, expected: extent.bytes / 4, found: values.len() });
        }
        let parameter = &self.state.parameters()[id.0];
        let turned = match (parameter.transposed, parameter.shape.dims()) {
            (true, &[rows, columns]) => transpose(values, columns, rows),
            _ => values.to_vec(),
        };
        let bytes: Vec<u8> = turned.iter().flat_map(|x| x.to_ne_bytes()).collect();
        self.arena.write(extent.offset, &bytes);
        Ok(())
    }

    fn read_bytes(&self, extent: Extent) -> Vec<u8> {
        let mut bytes = vec![0; extent.bytes];
        self.arena.read(extent.offset, &mut bytes);
        bytes
    }

    fn read_f32(&self, extent: Extent) -> Vec<f32> {
        let bytes = self.read_bytes(extent);
        let (words, _) = bytes.as_chunks::<4>();
        words.iter().map(|word| f32::from_ne_bytes(*word)).collect()
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

/// A row-major `[rows, columns]` matrix as `[columns, rows]`.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|i| values[i % rows * columns + i / rows]).collect()
}

/// The `i`th 8-byte word.
fn word(bytes: &[u8], i: usize) -> u64 {
    bytes.as_chunks::<8>().0.get(i).map_or(0, |word| u64::from_ne_bytes(*word))
}

/// No label may be beyond the classes the plan compares it with.
fn check_labels(source: &Source, classes: Option<usize>) -> Result<(), Error> {
    match (source.largest_label, classes) {
        (Some((row, label)), Some(classes)) if usize::from(label) >= classes => {
            Err(Error::Label { row, label, classes })
        }
        _ => Ok(()),
    }
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
