//! Running sums of losses and right answers, kept on the device so that no step has to wait for its loss to be read.
//!
//! Sums are taken in f64, sample by sample in the order of the batch: they do not depend on how a dataset is cut into
//! batches.

use super::rules;
use crate::error::Error;
use crate::graph::{Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::MetricSums;
use crate::ir::{DType, Meta, Shape};
use ndarray::ArrayD;

/// Inputs: losses `[batch]` and, if counted, right answers `[batch]`.
#[derive(Debug)]
struct Accumulate {
    /// Whether these are a further part of the batch before.
    continues: bool,
}

impl ShapeRule for Accumulate {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        inputs.iter().try_for_each(|input| rules::expect(input, DType::F32, self.name()))?;
        if inputs.iter().any(|input| input.shape.rank() != 1 || input.shape != inputs[0].shape) {
            let found: Vec<Shape> = inputs.iter().map(|input| input.shape).collect();
            return Err(Error::shapes(self.name(), "one number per sample", &found));
        }
        one(Meta::f32(Shape::new(&[0])?))
    }
}

impl Gradient for Accumulate {}

impl Meaning for Accumulate {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        machine.metrics.loss_sum += inputs[0].sum();
        machine.metrics.samples += inputs[0].len() as u64;
        let before = if self.continues { machine.last_batch } else { (0.0, 0) };
        machine.last_batch = (before.0 + inputs[0].sum(), before.1 + inputs[0].len());
        machine.metrics.last_loss = machine.last_batch.0 / machine.last_batch.1 as f64;
        machine.metrics.correct += inputs.get(1).map_or(0.0, |right| right.sum()) as u64;
        one(ArrayD::zeros(ndarray::IxDyn(&[0])))
    }
}

impl Lower for Accumulate {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        Lowered::kernel(MetricSums {
            losses: call.inputs[0].value,
            correct: call.inputs.get(1).map(|input| input.value),
            rows: call.inputs[0].shape().elements(),
            metrics: call.metrics,
            continues: self.continues,
        })
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
        self.record_metrics(correct, false)
    }

    /// The same for a further part of the batch before: the last loss is then that of all parts together.
    ///
    /// # Errors
    /// If the operands are not vectors of one length.
    pub fn continue_metrics(self, correct: Option<Tensor<'g>>) -> Result<(), Error> {
        self.record_metrics(correct, true)
    }

    fn record_metrics(self, correct: Option<Tensor<'g>>, continues: bool) -> Result<(), Error> {
        let inputs: Vec<Tensor<'g>> = [Some(self), correct].into_iter().flatten().collect();
        self.graph().record(Accumulate { continues }, &inputs).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{arr1, arr2};

    use crate::testing::net::cpu;
    use crate::{Error, Graph, Metrics, Parameters, Plan, Session, State};

    #[test]
    fn sums_run_on_until_they_are_reset() {
        let graph = Graph::new();
        let losses = graph.constant(arr1(&[0.5, 1.5, 4.0])).unwrap();
        let right = graph.constant(arr1(&[1.0, 0.0, 1.0])).unwrap();
        losses.accumulate_metrics(Some(right)).unwrap();
        let plan = Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[]).unwrap();
        let mut session = Session::new(&cpu(2), vec![plan]).unwrap();
        assert_eq!(session.metrics().unwrap(), Metrics::default());
        assert!(
            session.metrics().unwrap().mean_loss().is_nan() && session.metrics().unwrap().accuracy().is_nan()
        );
        session.run_once(0).unwrap();
        session.run_once(0).unwrap();
        let metrics = session.metrics().unwrap();
        assert_eq!(metrics, Metrics { loss_sum: 12.0, samples: 6, correct: 4, last_loss: 2.0 });
        assert_eq!((metrics.mean_loss(), metrics.accuracy()), (2.0, 4.0 / 6.0));
        session.set_metrics(Metrics::default()).unwrap();
        session.run_once(0).unwrap();
        assert_eq!(
            session.metrics().unwrap(),
            Metrics { loss_sum: 6.0, samples: 3, correct: 2, last_loss: 2.0 }
        );
    }

    #[test]
    fn the_last_loss_of_a_batch_in_parts_is_that_of_all_parts() {
        let plan = |losses: &[f32], continues: bool| {
            let graph = Graph::new();
            let losses = graph.constant(arr1(losses)).unwrap();
            if continues { losses.continue_metrics(None) } else { losses.accumulate_metrics(None) }.unwrap();
            Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[]).unwrap()
        };
        let plans = vec![plan(&[1.0, 2.0], false), plan(&[6.0, 7.0, 4.0], true)];
        let mut session = Session::new(&cpu(1), plans).unwrap();
        for _ in 0..2 {
            [0, 1].into_iter().for_each(|part| session.run_once(part).unwrap());
            assert_eq!(session.metrics().unwrap().last_loss, 4.0);
        }
        assert_eq!((session.metrics().unwrap().loss_sum, session.metrics().unwrap().samples), (40.0, 10));
    }

    #[test]
    fn a_million_small_losses_are_not_lost_beside_a_large_sum() {
        let graph = Graph::new();
        graph.constant(ndarray::Array1::from_elem(1000, 0.001)).unwrap().accumulate_metrics(None).unwrap();
        let plan = Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[]).unwrap();
        let mut session = Session::new(&cpu(1), vec![plan]).unwrap();
        session.set_metrics(Metrics { loss_sum: 1e6, ..Metrics::default() }).unwrap();
        (0..1000).for_each(|_| session.run_once(0).unwrap());
        let gained = session.metrics().unwrap().loss_sum - 1e6;
        assert!((gained / (1e6 * f64::from(0.001_f32)) - 1.0).abs() < 1e-6, "{gained}");
        assert_eq!(session.metrics().unwrap().correct, 0);
    }

    #[test]
    fn losses_and_right_answers_are_vectors_of_one_length() {
        let graph = Graph::new();
        let three = graph.constant(arr1(&[1.0, 2.0, 3.0])).unwrap();
        let two = graph.constant(arr1(&[1.0, 2.0])).unwrap();
        let matrix = graph.constant(arr2(&[[1.0]])).unwrap();
        let labels = graph.labels(&[1, 2, 3]).unwrap();
        assert!(matches!(three.accumulate_metrics(Some(two)), Err(Error::Shapes { op: "metrics", .. })));
        assert!(matches!(matrix.accumulate_metrics(None), Err(Error::Shapes { op: "metrics", .. })));
        assert!(matches!(three.accumulate_metrics(Some(labels)), Err(Error::Types { op: "metrics", .. })));
    }
}
