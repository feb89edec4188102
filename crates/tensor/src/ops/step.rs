//! The beginning of a step, and the end of a part of its batch.
//!
//! What changes from step to step (its number t, the learning rate η, the bias corrections) stands in the session's step
//! blocks, one for each [`Clock`]. Kernels advance them, so that a recorded sequence of steps can be replayed.

use ndarray::ArrayD;

use crate::error::Error;
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, one};
use crate::ir::kernel::{Advance, Proceed};
use crate::ir::{Clock, Groups, LearningRate, Meta, Optimizer, Rule, Shape};
use crate::ops::rule::{UpdateRule, rule_of};

/// Begins a step of a clock: advances its step number and sets what depends on it.
#[derive(Debug)]
pub(super) struct AdvanceStep {
    pub(super) clock: Clock,
    pub(super) rule: Option<Rule>,
    pub(super) learning_rate: LearningRate,
}

impl ShapeRule for AdvanceStep {
    fn name(&self) -> &'static str {
        "advance"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(Shape::new(&[0])?))
    }
}

impl Gradient for AdvanceStep {}

impl Meaning for AdvanceStep {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        _: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        if self.clock == Clock::STEP {
            machine.step += 1;
            machine.first_row = 0;
        }
        machine.set_rate(self.clock, self.learning_rate.at(machine.step));
        one(ArrayD::zeros(ndarray::IxDyn(&[0])))
    }
}

impl Lower for AdvanceStep {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        // An optimizer without bias corrections, where no built-in one reads them.
        let optimizer = self.rule.as_ref().and_then(|rule| rule.built_in).unwrap_or(Optimizer::sgd());
        let (step_block, learning_rate) = (call.step_block, self.learning_rate);
        Lowered::kernel(Advance { step_block, learning_rate, optimizer })
    }

    fn clock(&self) -> Clock {
        self.clock
    }

    fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    fn has_effect(&self) -> bool {
        true
    }
}

/// Ends a part of a batch.
#[derive(Debug)]
struct ProceedRows {
    rows: usize,
}

impl ShapeRule for ProceedRows {
    fn name(&self) -> &'static str {
        "proceed"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(Shape::new(&[0])?))
    }
}

impl Gradient for ProceedRows {}

impl Meaning for ProceedRows {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        _: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        machine.first_row += self.rows as u64;
        one(ArrayD::zeros(ndarray::IxDyn(&[0])))
    }
}

impl Lower for ProceedRows {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        Lowered::kernel(Proceed { step_block: call.step_block, rows: self.rows })
    }

    fn has_effect(&self) -> bool {
        true
    }
}

impl Graph {
    /// Begins an optimizer step; record it before anything else of the step.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for numbers that they cannot work with; if the graph cannot hold another node.
    pub fn advance(
        &self,
        rule: impl UpdateRule,
        learning_rate: impl Into<LearningRate>,
    ) -> Result<(), Error> {
        self.advance_groups(rule, learning_rate, &Groups::default())
    }

    /// The same for parameters in groups, each of which has its share of the learning rate.
    ///
    /// # Errors
    /// As [`Graph::advance`].
    pub fn advance_groups(
        &self,
        rule: impl UpdateRule,
        learning_rate: impl Into<LearningRate>,
        groups: &Groups,
    ) -> Result<(), Error> {
        let learning_rate = learning_rate.into();
        rule.check()?;
        learning_rate.schedule.check()?;
        for (number, &learning) in groups.as_slice().iter().enumerate() {
            let (clock, of_group) = (Clock::Group(number), learning_rate.scaled(learning.rate_scale));
            let rule = Some(rule_of(&rule, learning));
            self.record(AdvanceStep { clock, rule, learning_rate: of_group }, &[])?;
        }
        // Where the state keeps it.
        let advance = AdvanceStep { clock: Clock::Number, rule: None, learning_rate: Clock::number() };
        self.record(advance, &[]).map(|_| ())
    }

    /// Ends a part of a batch: the next part's rows follow these, which is what dropout counts them by.
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] for 2³² rows or more; if the graph cannot hold another node.
    pub fn proceed(&self, rows: usize) -> Result<(), Error> {
        u32::try_from(rows).map_err(|_| Error::PlanTooLarge)?;
        self.record(ProceedRows { rows }, &[]).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::net::{SGD, cpu};
    use crate::{FileOrder, Graph, Parameters, Plan, Role, Schedule, Session, Shape, State};

    #[test]
    fn a_run_continues_from_the_step_that_was_set() {
        let halving = Schedule::Step { learning_rate: 0.4, factor: 0.5, every: 1 };
        let shape = Shape::new(&[1]).unwrap();
        let mut list = Parameters::new();
        let parameter = list.add("p", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        let graph = Graph::new();
        graph.advance(SGD, halving).unwrap();
        graph.update(SGD, &parameter, graph.full(1.0, shape).unwrap()).unwrap();
        let state = State::training(&list, SGD).unwrap();
        let plan = Plan::new(&graph, &state, &[]).unwrap();
        let mut session = Session::new(&cpu(1), vec![plan]).unwrap();
        session.set_step(2, 0).unwrap();
        session.run_once(0).unwrap();
        assert_eq!((session.parameter(parameter.id()).unwrap()[0], session.step().unwrap()), (-0.1, 3));
    }
}
