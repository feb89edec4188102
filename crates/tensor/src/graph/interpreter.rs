//! The state of the oracle: what a session keeps on a device, here in f64 and by name.

use std::collections::HashMap;

use ndarray::{ArrayD, IxDyn};

use crate::error::{Error, SourceError};
use crate::ir::{Clock, Metrics, ParameterId, Shape, Slot, TargetFormat};

/// The state a graph reads and changes, in f64. [`Interpreter::run`] evaluates a graph on it.
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
    /// The learning rate of each clock.
    rates: HashMap<Clock, f64>,
    pub(crate) first_row: u64,
    /// The samples of the batch.
    pub(crate) samples: Vec<Vec<f64>>,
    /// Its targets.
    pub(crate) targets: Vec<Vec<f64>>,
}

impl Interpreter {
    /// No state, no batch.
    #[must_use]
    pub fn new() -> Interpreter {
        Interpreter::default()
    }

    /// Sets a parameter (in the shape it has in the graph), whose average begins anew there.
    pub fn set_parameter(&mut self, id: ParameterId, value: ArrayD<f64>) {
        self.slots.insert(Slot::Average(id), value.clone());
        self.slots.insert(Slot::Parameter(id), value);
    }

    /// A parameter as it is now.
    #[must_use]
    pub fn parameter(&self, id: ParameterId) -> Option<&ArrayD<f64>> {
        self.slots.get(&Slot::Parameter(id))
    }

    /// The gradient last stored for a parameter.
    #[must_use]
    pub fn gradient(&self, id: ParameterId) -> Option<&ArrayD<f64>> {
        self.slots.get(&Slot::Gradient(id))
    }

    /// Moment `i` of a parameter after the last step.
    #[must_use]
    pub fn moment(&self, i: usize, id: ParameterId) -> Option<&ArrayD<f64>> {
        self.slots.get(&Slot::Moment(i, id))
    }

    /// The running average of a parameter.
    #[must_use]
    pub fn average(&self, id: ParameterId) -> Option<&ArrayD<f64>> {
        self.slots.get(&Slot::Average(id))
    }

    /// The learning rate of a clock; 0 before its first step.
    pub(crate) fn rate(&self, clock: Clock) -> f64 {
        self.rates.get(&clock).copied().unwrap_or(0.0)
    }

    pub(crate) fn set_rate(&mut self, clock: Clock, rate: f64) {
        self.rates.insert(clock, rate);
    }

    /// A parameter as it will be after the step, as far as that is known.
    pub(crate) fn renewed(&self, id: ParameterId, shape: Shape) -> Result<ArrayD<f64>, Error> {
        let slot = Slot::Parameter(id);
        self.updated.get(&slot).map_or_else(|| self.slot(slot, shape), |value| Ok(value.clone()))
    }

    pub(crate) fn slot(&self, slot: Slot, shape: Shape) -> Result<ArrayD<f64>, Error> {
        if let Slot::LearningRate(clock) | Slot::Rates(clock) = slot {
            return Ok(ArrayD::from_elem(IxDyn(shape.dims()), self.rate(clock)));
        }
        match (self.slots.get(&slot), slot) {
            (Some(value), _) if value.shape() == shape.dims() => Ok(value.clone()),
            (Some(value), _) => {
                let expected = "state in the shape that it has in the graph";
                Err(Error::shapes("the interpreter", expected, &[shape, Shape::new(value.shape())?]))
            }
            (None, Slot::Moment(..)) => Ok(ArrayD::zeros(IxDyn(shape.dims()))),
            (None, _) => Err(Error::NotKept(slot)),
        }
    }

    /// Puts a value into its slot; that of a parameter when the step ends, for until then everybody reads the old one.
    pub(crate) fn store(&mut self, slot: Slot, value: ArrayD<f64>) {
        match slot {
            Slot::Parameter(_) => drop(self.updated.insert(slot, value)),
            Slot::LearningRate(clock) | Slot::Rates(clock) => {
                self.set_rate(clock, value[IxDyn(&vec![0; value.ndim()])])
            }
            _ => drop(self.slots.insert(slot, value)),
        }
    }

    /// Ends a step: parameters take their new values.
    pub(crate) fn commit(&mut self) {
        self.slots.extend(self.updated.drain());
    }

    pub(crate) fn samples(&self, elements: usize) -> Result<Vec<f64>, Error> {
        let fits = self.samples.iter().all(|sample| sample.len() == elements);
        fits.then(|| self.samples.concat()).ok_or(SourceError::Samples { elements }.into())
    }

    pub(crate) fn targets(&self, format: TargetFormat) -> Result<Vec<f64>, Error> {
        let fits = self.targets.iter().all(|target| target.len() == format.width());
        fits.then(|| self.targets.concat()).ok_or(SourceError::Targets { format }.into())
    }
}
