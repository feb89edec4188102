//! Running averages of parameters: a ← βa + (1 − β)p behind each update, with p the new value.
//!
//! The average is what a step of gradient descent makes of it that leads towards the parameter: with the gradient p − a of
//! −½(p − a)² and the learning rate −(1 − β), a + (1 − β)(p − a). So one kernel serves both, and averages have no code of their own on
//! any device. PyTorch: `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn(β)`; Polyak & Juditsky, *Acceleration of
//! Stochastic Approximation by Averaging*, 1992.

use ndarray::ArrayD;

use super::step::AdvanceStep;
use crate::error::Error;
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, one};
use crate::ir::kernel::{Target, Update};
use crate::ir::{Clock, Hyperparameter, Meta, Optimizer, Parameter, ParameterId, Schedule, Shape, Slot};

/// Moves the average of a parameter towards it.
#[derive(Debug)]
struct Average {
    parameter: ParameterId,
    shape: Shape,
    decay: f64,
}

impl ShapeRule for Average {
    fn name(&self) -> &'static str {
        "average"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(self.shape))
    }
}

impl Gradient for Average {}

impl Meaning for Average {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let slot = Slot::Average(self.parameter);
        let renewed = machine.renewed(self.parameter, outputs[0])?;
        let average = machine.slot(slot, outputs[0])? * self.decay + renewed * (1.0 - self.decay);
        machine.store(slot, average.clone());
        one(average)
    }
}

impl Lower for Average {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let target = Target {
            optimizer: Optimizer::Sgd { momentum: 0.0, weight_decay: -1.0 },
            parameter: call.output().value,
            divisor: None,
            moments: [None; Optimizer::MOST_MOMENTS],
            step_block: call.step_block,
        };
        Lowered::kernel(Update { target, gradient: call.kept[0], elements: self.shape.elements() })
    }

    fn clock(&self) -> Clock {
        Clock::Average
    }

    fn writes(&self) -> Option<Slot> {
        Some(Slot::Average(self.parameter))
    }
}

impl Graph {
    /// Moves the running average of each of `parameters` towards its new value: a ← βa + (1 − β)p. Record it once in a step, behind
    /// the updates; the state needs [`crate::State::with_averages`]. An average begins where its parameter does
    /// ([`crate::Session::set_parameter`]).
    ///
    /// ```
    /// use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
    /// use plangrad_tensor::*;
    ///
    /// let mut list = Parameters::new();
    /// let w = list.add("w", Shape::new(&[1])?, Role::Trained, FileOrder::AsInGraph)?;
    /// let (graph, sgd) = (Graph::new(), Optimizer::sgd());
    /// graph.advance(sgd, Schedule::Constant { learning_rate: 1.0 })?;
    /// graph.update(sgd, &w, graph.full(-4.0, w.shape())?)?; // w grows by 4
    /// graph.average([&w], 0.75)?;
    /// let plan = Plan::new(&graph, &State::training(&list, sgd)?.with_averages()?, &[])?;
    /// let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![plan])?;
    /// session.set_parameter(w.id(), &[0.0])?;
    /// (0..2).try_for_each(|_| session.run_once(0))?;
    /// assert_eq!(session.average(w.id())?, [0.75 * (0.25 * 4.0) + 0.25 * 8.0]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] unless 0 ≤ β < 1; [`Error::Role`] for a statistic.
    pub fn average<'p>(
        &self,
        parameters: impl IntoIterator<Item = &'p Parameter>,
        decay: f64,
    ) -> Result<(), Error> {
        Hyperparameter::share("the decay of the average", decay)?;
        let learning_rate = Schedule::Constant { learning_rate: decay - 1.0 }.into();
        self.record(AdvanceStep { clock: Clock::Average, rule: None, learning_rate }, &[])?;
        for parameter in parameters {
            if !parameter.is_trained() {
                let reason = "it is a statistic, which is an average already, or frozen";
                return Err(Error::Role { op: "average", parameter: parameter.id, reason });
            }
            let average = Average { parameter: parameter.id, shape: parameter.shape, decay };
            self.record(average, &[])?;
        }
        Ok(())
    }
}
