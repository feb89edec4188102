//! What a session keeps from step to step, and where: parameters, gradients and each moment contiguous and in one order, so
//! that an optimizer step is one kernel over one range and an all-reduce is one call.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::graph::Parameters;
use crate::ir::{
    Category, Clock, DType, Device, Extent, Groups, MOST_BYTES, Meta, MetricBlock, NumberTypes, Optimizer,
    Parameter, ParameterId, Role, Rule, Shape, Slot, StepBlock, align,
};
use crate::ops::rule::{UpdateRule, rule_of};

/// What becomes of the gradients of a training step.
///
/// ```
/// use plangrad_tensor::{FileOrder, Gradients, Optimizer, Parameters, Role, Shape, State};
///
/// let mut list = Parameters::new();
/// list.add("w", Shape::new(&[8, 4])?, Role::Trained, FileOrder::AsInGraph)?;
/// let state = State::training(&list, Optimizer::sgd())?.with_gradients(Gradients::Consumed)?;
/// assert_eq!(state.gradients(), Gradients::Consumed);
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gradients {
    /// They are kept, each in a place of its own, until the next step overwrites them: they can be read, and added to
    /// when a batch comes in parts.
    #[default]
    Kept,
    /// Each is consumed by the update of its parameter. One that comes from a product goes from there into the update and
    /// takes no memory at all; the others take some until their update has been made. The parameters are the same, bit for
    /// bit. A device whose products cannot do that refuses the plan with [`Error::Gradients`].
    Consumed,
}

/// Where a step finds the samples of its batch.
///
/// ```
/// use plangrad_tensor::{Device, Inputs};
///
/// assert_eq!(Inputs::leanest(Device::Cpu), Inputs::InPlace);
/// assert_eq!(Inputs::leanest(Device::Cuda(0)), Inputs::Gathered);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Inputs {
    /// In a place of their own, where they have been gathered from the dataset and normalised before anything reads them.
    #[default]
    Gathered,
    /// Where the dataset has them: a product that reads them picks and normalises them itself, some at a time, and they take
    /// no memory at all. Where anything else reads them as well they are gathered all the same. The numbers are the same,
    /// bit for bit. A device whose products cannot do that refuses the plan with [`Error::Inputs`].
    InPlace,
}

impl Inputs {
    /// What takes the least memory on a device.
    #[must_use]
    pub fn leanest(device: Device) -> Inputs {
        if device.reads_in_place() { Inputs::InPlace } else { Inputs::Gathered }
    }
}

/// Which activations a step computes again in its backward pass instead of keeping them from the forward pass. Whatever is
/// chosen, the parameters are the same, bit for bit: masks of dropout are functions of the step, and running statistics and
/// metrics are counted once.
///
/// What is cheap is dropped first (Chen et al., *Training Deep Nets with Sublinear Memory Cost*,
/// [arXiv:1604.06174](https://arxiv.org/abs/1604.06174), for segments).
///
/// ```
/// use plangrad_tensor::Recompute;
///
/// let choices = Recompute::choices(4);
/// assert_eq!(choices[..2], [Recompute::Nothing, Recompute::Elementwise]);
/// assert!(choices.contains(&Recompute::Segments { period: 2, first: 1 }));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recompute {
    /// Every activation is kept.
    #[default]
    Nothing,
    /// Products are kept. What is computed of them element by element, or by reductions, is computed again: activation functions,
    /// dropout, normalisation.
    Elementwise,
    /// Of each `period` products one after another the one with number `first`, counted from 0, is kept, and those behind the last
    /// of these; the others are computed again too, once.
    Segments {
        /// Products of a segment.
        period: usize,
        /// Which of them is kept.
        first: usize,
    },
}

impl Recompute {
    /// What a network with so many products in its forward pass can choose from, the least arithmetic first. For deep networks
    /// not every way to cut them is among them.
    #[must_use]
    pub fn choices(products: usize) -> Vec<Recompute> {
        let longest = products.min(2 * products.isqrt() + 2);
        let segments = (2..=longest).flat_map(|period| {
            let all = period <= 4;
            (0..period)
                .filter(move |first| all || [period - 1, period / 2].contains(first))
                .map(move |first| Recompute::Segments { period, first })
        });
        [Recompute::Nothing, Recompute::Elementwise].into_iter().chain(segments).collect()
    }

    /// Whether product `number` of so many is kept.
    pub(super) fn keeps_product(self, number: usize, products: usize) -> bool {
        match self {
            Recompute::Nothing | Recompute::Elementwise => true,
            Recompute::Segments { period, first } => {
                let period = period.max(1);
                let is_kept = |number: usize| number % period == first % period;
                is_kept(number) || !(number..products).any(is_kept)
            }
        }
    }
}

/// The persistent memory of a session: which parameters, and what is kept for each. Cheap to clone.
///
/// ```
/// use plangrad_tensor::{FileOrder, Optimizer, Parameters, Role, Shape, State};
///
/// let mut list = Parameters::new();
/// list.add("w", Shape::new(&[8, 4])?, Role::Trained, FileOrder::AsInGraph)?;
/// assert_eq!(State::inference(&list)?.moments(), 0);
/// let state = State::training(&list, Optimizer::adam())?.with_averages()?;
/// assert_eq!((state.moments(), state.keeps_averages()), (2, true));
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    kept: Arc<Kept>,
    recompute: Recompute,
}

#[derive(Debug, PartialEq)]
struct Kept {
    parameters: Parameters,
    options: Options,
    entries: HashMap<Slot, SlotEntry>,
    groups: Vec<Group>,
    bytes: usize,
}

/// What is kept besides the parameters, and how.
#[derive(Clone, Debug, Default, PartialEq)]
struct Options {
    /// The rule of each group, when training.
    rules: Arc<[Rule]>,
    groups: Arc<Groups>,
    averages: bool,
    /// Whether the number of the step is kept for formulas.
    numbered: bool,
    number_types: NumberTypes,
    gradients: Gradients,
    inputs: Inputs,
    /// Whether the weight of a batch in parts is kept.
    weighted: bool,
}

impl Options {
    /// Whose step blocks are kept: that of the step first.
    fn clocks(&self) -> Vec<Clock> {
        let mut clocks: Vec<Clock> = (0..self.rules.len().max(1)).map(Clock::Group).collect();
        clocks.extend(self.averages.then_some(Clock::Average));
        clocks.extend(self.numbered.then_some(Clock::Number));
        clocks
    }
}

/// What lies in a slot, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SlotEntry {
    pub(crate) meta: Meta,
    pub(crate) extent: Extent,
}

/// Entries that lie side by side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) category: Category,
    /// That of all its parameters.
    pub(crate) role: Option<Role>,
    pub(crate) dtype: DType,
    pub(crate) extent: Extent,
}

impl State {
    /// For evaluation: parameters only.
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] if their sizes overflow.
    pub fn inference(parameters: &Parameters) -> Result<State, Error> {
        State::new(parameters, Options::default())
    }

    /// For training: parameters, a gradient for each that is trained, and the optimizer's moments.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for a number that the optimizer cannot work with, [`Error::PlanTooLarge`] if their sizes
    /// overflow.
    pub fn training(parameters: &Parameters, rule: impl UpdateRule) -> Result<State, Error> {
        State::training_in_groups(parameters, rule, &Groups::default())
    }

    /// The same for parameters in groups ([`Groups`]).
    ///
    /// # Errors
    /// As [`State::training`].
    pub fn training_in_groups(
        parameters: &Parameters,
        rule: impl UpdateRule,
        groups: &Groups,
    ) -> Result<State, Error> {
        rule.check()?;
        let rules = groups.as_slice().iter().map(|&learning| rule_of(&rule, learning)).collect();
        let (groups, numbered) = (Arc::new(groups.clone()), rule.built_in().is_none());
        State::new(parameters, Options { rules, groups, numbered, ..Options::default() })
    }

    /// The same with a running average of each trained parameter ([`crate::Graph::average`]).
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] if the sizes overflow.
    pub fn with_averages(&self) -> Result<State, Error> {
        self.with(Options { averages: true, ..self.kept.options.clone() })
    }

    /// The same with the number of the step for formulas ([`crate::Graph::step_number`]), which is there anyway for a rule of one's
    /// own.
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] if the sizes overflow.
    pub fn with_step_number(&self) -> Result<State, Error> {
        self.with(Options { numbered: true, ..self.kept.options.clone() })
    }

    /// The same with a place for the weight of a batch that comes in parts ([`crate::Graph::store_batch_weight`]).
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] if the sizes overflow.
    pub fn with_batch_weight(&self) -> Result<State, Error> {
        self.with(Options { weighted: true, ..self.kept.options.clone() })
    }

    /// The same with its gradients kept or consumed.
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] if the sizes overflow.
    pub fn with_gradients(&self, gradients: Gradients) -> Result<State, Error> {
        self.with(Options { gradients, ..self.kept.options.clone() })
    }

    /// The same with plans over it that gather samples, or read them in place.
    ///
    /// # Errors
    /// [`Error::PlanTooLarge`] if the sizes overflow.
    pub fn with_inputs(&self, inputs: Inputs) -> Result<State, Error> {
        self.with(Options { inputs, ..self.kept.options.clone() })
    }

    /// The same with plans over it that compute activations again. Nothing else changes, so plans over both can share a session.
    #[must_use]
    pub fn with_recompute(&self, recompute: Recompute) -> State {
        State { recompute, ..self.clone() }
    }

    /// The same with its numbers, and those of plans over it, in other types.
    ///
    /// # Errors
    /// [`Error::Types`] for a type that holds whole numbers only, [`Error::PlanTooLarge`] if their sizes overflow.
    pub fn with_number_types(&self, types: NumberTypes) -> Result<State, Error> {
        let NumberTypes { storage, compute, sums, masters } = types;
        if let Some(found) = [storage, compute, sums, masters].into_iter().find(|dtype| dtype.is_whole()) {
            return Err(Error::Types { op: "a plan", expected: DType::F32, found });
        }
        self.with(Options { number_types: types, ..self.kept.options.clone() })
    }

    fn with(&self, options: Options) -> Result<State, Error> {
        Ok(State::new(&self.kept.parameters, options)?.with_recompute(self.recompute))
    }

    /// Whether both keep the same in the same places.
    pub(crate) fn keeps_the_same_as(&self, other: &State) -> bool {
        self.kept == other.kept
    }

    fn new(parameters: &Parameters, options: Options) -> Result<State, Error> {
        let mut builder = Builder::default();
        let NumberTypes { masters, sums, .. } = options.number_types;
        // Those of a group side by side, so that one kernel updates them all.
        let mut trained: Vec<&Parameter> = parameters.trained().collect();
        trained.sort_by_key(|parameter| options.groups.number(parameter.id));
        let trained = || trained.iter().copied();
        builder.group("parameters", Category::Parameters, trained(), masters, Slot::Parameter)?;
        if let Some(rule) = options.rules.first() {
            if options.gradients == Gradients::Kept {
                builder.group("gradients", Category::Gradients, trained(), sums, Slot::Gradient)?;
            }
            for (i, name) in rule.state_names.iter().enumerate() {
                builder
                    .group(name, Category::OptimizerState, trained(), masters, |id| Slot::Moment(i, id))?;
            }
        }
        if options.averages {
            builder.group("averages", Category::OptimizerState, trained(), masters, Slot::Average)?;
        }
        for (name, role) in [("statistics", Role::Statistic), ("frozen parameters", Role::Frozen)] {
            let others = parameters.as_slice().iter().filter(|parameter| parameter.role == role);
            if others.clone().next().is_some() {
                builder.group(name, Category::Parameters, others, masters, Slot::Parameter)?;
            }
        }
        for clock in options.clocks() {
            builder.clock(clock)?;
        }
        builder.block("metric sums", Slot::Metrics, MetricBlock::BYTES)?;
        if options.weighted {
            builder.number("weight of the batch", Slot::BatchWeight, sums)?;
        }
        let Builder { entries, groups, end } = builder;
        let (parameters, bytes) = (parameters.clone(), align(end));
        let kept = Kept { parameters, options, entries, groups, bytes };
        Ok(State { kept: Arc::new(kept), recompute: Recompute::default() })
    }

    /// The parameters, in the order in which they were declared.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        self.kept.parameters.as_slice()
    }

    /// The optimizer, when training by a built-in one.
    #[must_use]
    pub fn optimizer(&self) -> Option<Optimizer> {
        self.rule(0).and_then(|rule| rule.built_in)
    }

    /// The rule of a group, when training.
    pub(crate) fn rule(&self, group: usize) -> Option<&Rule> {
        self.kept.options.rules.get(group)
    }

    /// The number of a parameter's group.
    pub(crate) fn group(&self, id: ParameterId) -> usize {
        self.kept.options.groups.number(id)
    }

    /// Whether it keeps a running average of each trained parameter.
    #[must_use]
    pub fn keeps_averages(&self) -> bool {
        self.kept.options.averages
    }

    /// Whose step blocks it keeps.
    pub(crate) fn clocks(&self) -> Vec<Clock> {
        self.kept.options.clocks()
    }

    /// The number types of what it keeps, and of plans over it.
    #[must_use]
    pub fn number_types(&self) -> NumberTypes {
        self.kept.options.number_types
    }

    /// What becomes of gradients.
    #[must_use]
    pub fn gradients(&self) -> Gradients {
        self.kept.options.gradients
    }

    /// Where samples are read.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        self.kept.options.inputs
    }

    /// Which activations are computed again.
    #[must_use]
    pub fn recompute(&self) -> Recompute {
        self.recompute
    }

    /// Number of moments kept per trained parameter.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.rule(0).map_or(0, |rule| rule.state_names.len())
    }

    /// Bytes of everything persistent, alignment included.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.bytes
    }

    /// A parameter.
    pub(crate) fn parameter(&self, id: ParameterId) -> Result<&Parameter, Error> {
        self.kept.parameters.get(id).ok_or(Error::NotKept(Slot::Parameter(id)))
    }

    /// What lies in a slot, and where.
    pub(crate) fn entry(&self, slot: Slot) -> Result<SlotEntry, Error> {
        self.kept.entries.get(&slot).copied().ok_or(Error::NotKept(slot))
    }

    /// Entries that lie side by side, in the order of memory.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.kept.groups
    }

    /// The groups that are more than workspace, for the memory report.
    pub(crate) fn labelled(&self) -> Vec<(Category, Extent)> {
        self.groups().iter().map(|group| (group.category, group.extent)).collect()
    }
}

/// Lays out entries one behind the other, without gaps within a group.
#[derive(Default)]
struct Builder {
    entries: HashMap<Slot, SlotEntry>,
    groups: Vec<Group>,
    end: usize,
}

impl Builder {
    /// One slot for each of `parameters`, without gaps.
    fn group<'p>(
        &mut self,
        name: &'static str,
        category: Category,
        parameters: impl Iterator<Item = &'p Parameter>,
        dtype: DType,
        slot: impl Fn(ParameterId) -> Slot,
    ) -> Result<(), Error> {
        let start = align(self.end);
        self.end = start;
        let mut role = None;
        for parameter in parameters {
            role = Some(parameter.role);
            self.add(slot(parameter.id), Meta { shape: parameter.shape, dtype })?;
        }
        let extent = Extent { offset: start, bytes: self.end - start };
        self.groups.push(Group { name, category, role, dtype, extent });
        Ok(())
    }

    /// A separate slot of `bytes` bytes.
    fn block(&mut self, name: &'static str, slot: Slot, bytes: usize) -> Result<(), Error> {
        self.apart(name, slot, Meta { shape: Shape::new(&[bytes])?, dtype: DType::U8 })
    }

    /// A step block, and the rates within.
    fn clock(&mut self, clock: Clock) -> Result<(), Error> {
        let name = match clock {
            Clock::STEP => "step block",
            Clock::Group(_) => "step block of a group",
            Clock::Average => "step block of the averages",
            Clock::Number => "number of the step",
        };
        self.block(name, Slot::StepBlock(clock), StepBlock::BYTES)?;
        let offset = self.entries[&Slot::StepBlock(clock)].extent.offset + StepBlock::RATES;
        for (slot, shape) in
            [(Slot::LearningRate(clock), Shape::SCALAR), (Slot::Rates(clock), Shape::new(&[2])?)]
        {
            let meta = Meta::f32(shape);
            let extent = Extent { offset, bytes: meta.bytes() };
            self.entries.insert(slot, SlotEntry { meta, extent });
        }
        Ok(())
    }

    /// A separate slot of one number.
    fn number(&mut self, name: &'static str, slot: Slot, dtype: DType) -> Result<(), Error> {
        self.apart(name, slot, Meta { shape: Shape::SCALAR, dtype })
    }

    fn apart(&mut self, name: &'static str, slot: Slot, meta: Meta) -> Result<(), Error> {
        self.end = align(self.end);
        let (extent, dtype) = (self.add(slot, meta)?, meta.dtype);
        self.groups.push(Group { name, category: Category::Workspace, role: None, dtype, extent });
        Ok(())
    }

    fn add(&mut self, slot: Slot, meta: Meta) -> Result<Extent, Error> {
        let extent = Extent { offset: self.end, bytes: meta.bytes() };
        let end = self.end.checked_add(extent.bytes).filter(|&end| end <= MOST_BYTES);
        self.end = end.ok_or(Error::PlanTooLarge)?;
        self.entries.insert(slot, SlotEntry { meta, extent });
        Ok(extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{ALIGNMENT, FileOrder};

    fn parameters(sizes: &[(usize, Role)]) -> Parameters {
        let mut parameters = Parameters::new();
        for (i, &(n, role)) in sizes.iter().enumerate() {
            let shape = Shape::new(&[n]).unwrap();
            parameters.add(&format!("p{i}"), shape, role, FileOrder::AsInGraph).unwrap();
        }
        parameters
    }

    #[test]
    fn parameters_gradients_and_moments_are_each_contiguous() {
        let parameters = parameters(&[(5, Role::Trained), (3, Role::Trained)]);
        let state = State::training(&parameters, Optimizer::adam()).unwrap();
        let at = |slot| state.entry(slot).unwrap().extent;
        let [first, second] = [0, 1].map(|i| parameters.as_slice()[i].id);
        for group in [Slot::Parameter, Slot::Gradient, |id| Slot::Moment(0, id), |id| Slot::Moment(1, id)] {
            assert_eq!(at(group(first)).end(), at(group(second)).offset);
        }
        assert_eq!(at(Slot::Gradient(first)).offset % ALIGNMENT, 0);
        assert_eq!(state.bytes(), 4 * 64 + 64 + 64);
    }

    #[test]
    fn inference_keeps_parameters_only() {
        let parameters = parameters(&[(16, Role::Trained)]);
        let (state, id) = (State::inference(&parameters).unwrap(), parameters.as_slice()[0].id);
        assert!(matches!(state.entry(Slot::Gradient(id)), Err(Error::NotKept(_))));
        assert!(matches!(state.entry(Slot::Moment(0, id)), Err(Error::NotKept(_))));
        assert_eq!(state.bytes(), 64 + 64 + 64);
    }

    #[test]
    fn statistics_have_neither_gradients_nor_moments_and_lie_behind_them() {
        let list = parameters(&[(16, Role::Trained), (8, Role::Statistic), (16, Role::Trained)]);
        let state = State::training(&list, Optimizer::adam()).unwrap();
        let [first, statistic, last] = [0, 1, 2].map(|i| list.as_slice()[i].id);
        let at = |slot| state.entry(slot).map(|entry| entry.extent);
        let end = at(Slot::Parameter(first)).unwrap().end();
        assert_eq!(end, at(Slot::Parameter(last)).unwrap().offset);
        assert_eq!(at(Slot::Parameter(statistic)).unwrap().bytes, 32);
        assert!(at(Slot::Gradient(statistic)).is_err() && at(Slot::Moment(0, statistic)).is_err());
        assert_eq!(state.bytes(), 4 * 128 + 64 + 64 + 64);
    }

    #[test]
    fn the_weight_of_a_batch_has_a_place_where_it_is_asked_for() {
        let list = parameters(&[(16, Role::Trained)]);
        let plain = State::training(&list, Optimizer::sgd()).unwrap();
        assert!(matches!(plain.entry(Slot::BatchWeight), Err(Error::NotKept(Slot::BatchWeight))));
        let weighted = plain.with_batch_weight().unwrap().with_number_types(NumberTypes::default()).unwrap();
        assert_eq!(weighted.entry(Slot::BatchWeight).unwrap().extent.bytes, 4);
        assert_eq!(weighted.bytes(), plain.bytes() + ALIGNMENT);
    }

    #[test]
    fn parameters_of_another_list_are_not_kept() {
        let [one, other] = [(); 2].map(|()| parameters(&[(4, Role::Trained)]));
        let state = State::inference(&one).unwrap();
        assert!(matches!(state.parameter(other.as_slice()[0].id), Err(Error::NotKept(_))));
    }
}
