//! Running sums of losses and right answers, kept on the device so that no step has to wait for its loss to be read.
//!
//! Sums are taken in f64, sample by sample in the order of the batch: they do not depend on how a dataset is cut into
//! batches.

use ndarray::ArrayD;

use crate::backend::reference::Interpreter;
use crate::graph::{Call, Lowered, Meta, Op};
use crate::plan::{Kernel, MetricSums};
use crate::{DType, Error, Shape, Tensor};

/// Inputs: losses `[batch]` and, if counted, right answers `[batch]`.
#[derive(Debug)]
struct Accumulate;

impl Op for Accumulate {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn output(&self, inputs: &[Meta]) -> Result<Meta, Error> {
        inputs.iter().try_for_each(|input| input.expect(DType::F32, self.name()))?;
        if inputs.iter().any(|input| input.shape.rank() != 1 || input.shape != inputs[0].shape) {
            let found: Vec<Shape> = inputs.iter().map(|input| input.shape).collect();
            return Err(Error::shapes(self.name(), "one number per sample", &found));
        }
        Ok(Meta::f32(Shape::new(&[0])?))
    }

    fn reference(
        &self,
        inputs: &[&ArrayD<f64>],
        _: Shape,
        machine: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error> {
        machine.metrics.loss_sum += inputs[0].sum();
        machine.metrics.samples += inputs[0].len() as u64;
        machine.metrics.last_loss = inputs[0].sum() / inputs[0].len() as f64;
        machine.metrics.correct += inputs.get(1).map_or(0.0, |right| right.sum()) as u64;
        Ok(ArrayD::zeros(ndarray::IxDyn(&[0])))
    }

    fn lower(&self, call: &Call) -> Lowered {
        Lowered::Kernel(Kernel::Metrics(MetricSums {
            losses: call.inputs[0].value,
            correct: call.inputs.get(1).map(|input| input.value),
            rows: call.inputs[0].shape().elements(),
            metrics: call.metrics,
        }))
    }

    fn has_effect(&self) -> bool {
        true
    }
}

impl<'g> Tensor<'g> {
    /// Adds these losses (`[batch]`), and the right answers among them, to the session's [`crate::Metrics`] each time
    /// the plan runs.
    ///
    /// # Errors
    /// If the operands are not vectors of one length.
    pub fn accumulate_metrics(self, correct: Option<Tensor<'g>>) -> Result<(), Error> {
        let inputs: Vec<Tensor<'g>> = [Some(self), correct].into_iter().flatten().collect();
        self.graph.record(Accumulate, &inputs).map(|_| ())
    }
}
