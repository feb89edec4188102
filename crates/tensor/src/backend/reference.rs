//! The oracle: runs the unfused graph, node by node, naively and in f64.
//!
//! It never sees a plan, so a wrong fusion, a wrong offset or a wrong order of kernels cannot hide in it.

use std::collections::HashMap;

use ndarray::{ArrayD, IxDyn};

use crate::ops::gather::TargetFormat;
use crate::plan::Slot;
use crate::session::Metrics;
use crate::source::{Batches, Samples, Targets};
use crate::{Error, Graph, NodeId, ParameterId, Shape, Tensor};

/// The state a graph reads and changes, in f64.
#[derive(Debug, Default)]
pub struct Interpreter {
    slots: HashMap<Slot, ArrayD<f64>>,
    /// Parameters as they will be after the step.
    updated: HashMap<Slot, ArrayD<f64>>,
    /// Steps begun.
    pub step: u64,
    /// Seed of dropout.
    pub seed: u64,
    /// Sums over the batches so far.
    pub metrics: Metrics,
    /// Σ of the losses of the last batch, and its samples.
    pub(crate) last_batch: (f64, usize),
    pub(crate) learning_rate: f64,
    pub(crate) first_row: u64,
    samples: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
}

impl Interpreter {
    /// No state, no batch.
    pub fn new() -> Interpreter {
        Interpreter::default()
    }

    /// Sets a parameter (in the shape it has in the graph).
    pub fn set_parameter(&mut self, id: ParameterId, value: ArrayD<f64>) {
        self.slots.insert(Slot::Parameter(id), value);
    }

    /// A parameter as it is now.
    pub fn parameter(&self, id: ParameterId) -> Option<&ArrayD<f64>> {
        self.slots.get(&Slot::Parameter(id))
    }

    /// The gradient last stored for a parameter.
    pub fn gradient(&self, id: ParameterId) -> Option<&ArrayD<f64>> {
        self.slots.get(&Slot::Gradient(id))
    }

    /// Moment `i` of a parameter after the last step.
    pub fn moment(&self, i: usize, id: ParameterId) -> Option<&ArrayD<f64>> {
        self.slots.get(&Slot::Moment(i, id))
    }

    /// The rows that the next evaluation reads.
    pub fn set_batch(&mut self, batches: &Batches<'_>) {
        let width = batches.source.sample_elements();
        let row_of = |row: &u32| {
            let range = *row as usize * width..(*row as usize + 1) * width;
            match &batches.source.samples() {
                Samples::U8(bytes) => bytes[range].iter().map(|&x| f64::from(x)).collect(),
                Samples::F32(values) => values[range].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>(),
            }
        };
        let target_of = |row: &u32| {
            let row = *row as usize;
            match &batches.source.targets() {
                Targets::Classes(labels) => vec![f64::from(labels[row])],
                Targets::Values { values, width } => {
                    values[row * width..(row + 1) * width].iter().map(|&x| f64::from(x)).collect()
                }
            }
        };
        self.samples = batches.rows.iter().map(row_of).collect();
        self.targets = batches.rows.iter().map(target_of).collect();
    }

    pub(crate) fn slot(&self, slot: Slot, shape: Shape) -> Result<ArrayD<f64>, Error> {
        match (self.slots.get(&slot), slot) {
            (Some(value), _) => Ok(value.clone()),
            (None, Slot::Moment(..)) => Ok(ArrayD::zeros(IxDyn(shape.dims()))),
            (None, _) => Err(Error::Unknown(slot.to_string())),
        }
    }

    /// Puts a value into its slot; that of a parameter when the step ends, for until then everybody reads the old one.
    pub(crate) fn store(&mut self, slot: Slot, value: ArrayD<f64>) {
        match slot {
            Slot::Parameter(_) => self.updated.insert(slot, value),
            _ => self.slots.insert(slot, value),
        };
    }

    pub(crate) fn samples(&self, elements: usize) -> Result<Vec<f64>, Error> {
        let fits = self.samples.iter().all(|sample| sample.len() == elements);
        let mismatch =
            || Error::Source { expected: format!("samples of {elements} elements"), found: "others".into() };
        fits.then(|| self.samples.concat()).ok_or_else(mismatch)
    }

    pub(crate) fn targets(&self, format: TargetFormat) -> Result<Vec<f64>, Error> {
        let width = if let TargetFormat::Values(width) = format { width } else { 1 };
        let fits = self.targets.iter().all(|target| target.len() == width);
        let mismatch =
            || Error::Source { expected: format!("{width} target values"), found: "others".into() };
        fits.then(|| self.targets.concat()).ok_or_else(mismatch)
    }

    /// Evaluates the whole of `graph` in the order of recording and returns `outputs`.
    ///
    /// # Errors
    /// If the graph reads state or data that was not set.
    pub fn run(&mut self, graph: &Graph, outputs: &[Tensor<'_>]) -> Result<Vec<ArrayD<f64>>, Error> {
        let mut values: Vec<ArrayD<f64>> = Vec::with_capacity(graph.len());
        for node in graph.nodes().iter() {
            let inputs: Vec<&ArrayD<f64>> =
                node.inputs.iter().map(|id: &NodeId| &values[id.index()]).collect();
            let value = node.op.reference(&inputs, node.meta.shape, self)?;
            debug_assert_eq!(
                value.shape(),
                node.meta.shape.dims(),
                "{} broke its own shape rule",
                node.op.name()
            );
            values.push(value);
        }
        self.slots.extend(self.updated.drain());
        Ok(outputs.iter().map(|output| values[output.id.index()].clone()).collect())
    }
}
