//! Lowering: the nodes that matter become kernels, over values that know where they come from.

use std::collections::{HashMap, HashSet};

use super::draft::{Draft, Placed, ValueInfo};
use super::sketch::{Sketch, SketchNode};
use super::state::{Gradients, State};
use super::types;
use crate::error::Error;
use crate::graph::{Call, Graph, Lowered, Operand, Tensor};
use crate::ir::kernel::Copy;
use crate::ir::{Category, Clock, Kernel, Meta, ParameterId, Rule, Slot, Value};

/// Lowers what `outputs` and effects need, in the order of recording.
pub(super) fn lower(graph: &Graph, state: &State, outputs: &[Tensor<'_>]) -> Result<Draft, Error> {
    if outputs.iter().any(|output| !graph.owns(output)) {
        return Err(Error::OtherGraph { op: "the plan" });
    }
    let numbers: Vec<u32> = outputs.iter().map(Tensor::number).collect();
    let sketch = Sketch::new(graph, &numbers);
    let mut lowering = Lowering::new(state, &sketch, graph.len())?;
    sketch.nodes.iter().try_for_each(|node| lowering.node(node))?;
    lowering.check_slots()?;
    let Lowering { mut draft, values, .. } = lowering;
    types::keep_exact(&mut draft, state.number_types().sums);
    for output in outputs {
        let value = values[sketch.origin(output.number()) as usize].expect("outputs are needed");
        let value = before_the_step_ends(&mut draft, value);
        // Of another shape than the value where it is a view.
        let (shape, dtype) = (output.shape(), draft.values[value.index()].meta.dtype);
        draft.outputs.insert(output.id(), (value, Meta { shape, dtype }));
    }
    batch_first_new_values_last(&mut draft);
    Ok(draft)
}

struct Lowering<'a> {
    state: &'a State,
    sketch: &'a Sketch,
    draft: Draft,
    /// Where each value of the graph lies.
    values: Vec<Option<Value>>,
    metrics: Value,
    /// Those of other clocks, as far as they have been asked for.
    step_blocks: HashMap<Clock, Value>,
    /// Slots that the graph writes, and those that it reads as they are kept.
    written: HashSet<Slot>,
    read: HashSet<Slot>,
    advances: bool,
}

impl<'a> Lowering<'a> {
    fn new(state: &'a State, sketch: &'a Sketch, values: usize) -> Result<Lowering<'a>, Error> {
        let mut draft = Draft::default();
        let step_blocks =
            HashMap::from([(Clock::STEP, slot(&mut draft, state, Slot::StepBlock(Clock::STEP))?)]);
        let metrics = slot(&mut draft, state, Slot::Metrics)?;
        let (written, read) = (HashSet::new(), HashSet::new());
        let values = vec![None; values];
        Ok(Lowering { state, sketch, draft, values, metrics, step_blocks, written, read, advances: false })
    }

    fn node(&mut self, node: &SketchNode) -> Result<(), Error> {
        if self.counts_for_nobody(node) {
            return Ok(());
        }
        self.check_rule(node)?;
        let inputs: Vec<Operand> = node.inputs.iter().map(|&input| self.input(input)).collect();
        let writes = node.op.writes();
        writes.map_or(Ok(()), |slot| self.write_once(slot))?;
        let outputs = node.outputs.iter().map(|&meta| self.output(node, meta)).collect::<Result<_, _>>()?;
        let kept = self.kept(writes)?;
        let (step_block, metrics) = (self.step_block(node.op.clock())?, self.metrics);
        let (draft, types) = (&mut self.draft, self.state.number_types());
        let mut temporary = |meta: Meta| {
            let meta = types::kept(meta, false, types);
            draft.add_value(ValueInfo::temporary(meta, node.backward))
        };
        let mut call = Call { inputs, outputs, step_block, metrics, kept, temporary: &mut temporary };
        let lowered = node.op.lower(&mut call);
        let (inputs, mut outputs) = (call.inputs, call.outputs);
        match lowered {
            Lowered::Kernels(kernels) => {
                kernels.into_iter().try_for_each(|kernel| self.place(kernel, node))?
            }
            Lowered::Alias => outputs[0].value = inputs[0].value,
            Lowered::Slot(kept) => {
                self.read.insert(kept);
                outputs[0].value = slot_of(&mut self.draft, self.state, kept, node.outputs[0])?;
            }
        }
        for (i, output) in outputs.iter().enumerate() {
            self.values[node.first_output as usize + i] = Some(output.value);
        }
        Ok(())
    }

    fn input(&self, number: u32) -> Operand {
        let value =
            self.values[number as usize].expect("inputs are recorded, and so lowered, before readers");
        Operand { value, meta: self.sketch.meta(number), full: self.sketch.known(number) }
    }

    /// The place of a result: a new temporary, or the slot that the op writes.
    fn output(&mut self, node: &SketchNode, meta: Meta) -> Result<Operand, Error> {
        let kept = types::kept(meta, node.op.is_exact(), self.state.number_types());
        let value = match node.op.writes() {
            Some(Slot::Gradient(id)) if self.state.gradients() == Gradients::Consumed => {
                self.passing_gradient(id, meta, node)?
            }
            Some(written) => slot_of(&mut self.draft, self.state, written, meta)?,
            None => self.draft.add_value(ValueInfo::temporary(kept, node.backward)),
        };
        Ok(Operand { value, meta, full: None })
    }

    /// A gradient that lives until its update: a place of its own, but not from step to step.
    fn passing_gradient(&mut self, id: ParameterId, meta: Meta, node: &SketchNode) -> Result<Value, Error> {
        if self.state.parameter(id)?.shape != meta.shape {
            return Err(Error::NotKept(Slot::Gradient(id)));
        }
        let info = ValueInfo::temporary(meta.kept_in(self.state.number_types().sums), node.backward);
        Ok(self.draft.add_value(ValueInfo { category: Category::Gradients, ..info }))
    }

    /// Whether a node counts steps as a number that the state does not keep.
    fn counts_for_nobody(&self, node: &SketchNode) -> bool {
        node.op.clock() == Clock::Number && self.state.entry(Slot::StepBlock(Clock::Number)).is_err()
    }

    /// The step block of a clock.
    fn step_block(&mut self, clock: Clock) -> Result<Value, Error> {
        if let Some(&known) = self.step_blocks.get(&clock) {
            return Ok(known);
        }
        let block = slot(&mut self.draft, self.state, Slot::StepBlock(clock))?;
        self.step_blocks.insert(clock, block);
        Ok(block)
    }

    /// The moments of the parameter that an op trains, or the parameter whose average it changes. Empty for an assignment.
    fn kept(&mut self, writes: Option<Slot>) -> Result<Vec<Value>, Error> {
        let id = match writes {
            Some(Slot::Average(id)) => {
                return Ok(vec![slot(&mut self.draft, self.state, Slot::Parameter(id))?]);
            }
            Some(Slot::Parameter(id)) => id,
            _ => return Ok(Vec::new()),
        };
        let is_trained = self.state.parameter(id)?.is_trained();
        let count = if is_trained { self.state.moments() } else { 0 };
        (0..count).map(|i| slot(&mut self.draft, self.state, Slot::Moment(i, id))).collect()
    }

    fn place(&mut self, kernel: Kernel, node: &SketchNode) -> Result<(), Error> {
        self.check_addition(&kernel, node)?;
        let kernel = self.read_before_the_step_ends(kernel, node);
        self.advances |= matches!(kernel, Kernel::Advance(_));
        if let Kernel::Gather(_) | Kernel::GatherTargets(_) = kernel {
            for (_, written) in kernel.accesses().into_iter().filter(|(access, _)| access.writes()) {
                self.draft.values[written.index()].category = Category::Batch;
            }
        }
        self.draft.push(Placed { kernel, backward: node.backward, writes: node.op.writes() });
        Ok(())
    }

    /// A parameter that is given the value of another one gets its old value: it is copied before either changes.
    fn read_before_the_step_ends(&mut self, kernel: Kernel, node: &SketchNode) -> Kernel {
        let (Kernel::Copy(copy), Some(Slot::Parameter(_))) = (&kernel, node.op.writes()) else {
            return kernel;
        };
        let input = &self.draft.values[copy.input.index()];
        if input.persistent.is_none() {
            return kernel;
        }
        let aside = self.draft.add_value(ValueInfo::temporary(input.meta, node.backward));
        let put_aside = Copy { output: aside, ..copy.clone() };
        let kernel = Copy { input: aside, ..copy.clone() }.into();
        self.draft.push(Placed { kernel: put_aside.into(), backward: node.backward, writes: None });
        kernel
    }

    /// A slot is written at most once in a graph: fusion moves stores to where their values are made, which is right only
    /// if nobody else touches the slot.
    fn write_once(&mut self, slot: Slot) -> Result<(), Error> {
        match slot {
            slot if self.written.insert(slot) => Ok(()),
            Slot::Gradient(id) => Err(Error::StoredTwice(id)),
            Slot::Parameter(id) | Slot::Moment(_, id) | Slot::Average(id) => Err(Error::UpdatedTwice(id)),
            _ => Err(Error::NotKept(slot)),
        }
    }

    /// The moments an update finds, and the corrections a step prepares, must be those of its rule.
    fn check_rule(&self, node: &SketchNode) -> Result<(), Error> {
        let (Some(found), Clock::Group(number)) = (node.op.rule(), node.op.clock()) else { return Ok(()) };
        let group = match node.op.writes() {
            Some(Slot::Parameter(id) | Slot::Moment(_, id)) => self.state.group(id),
            _ => number,
        };
        let describe = |rule: &Rule| rule.description.clone();
        match (self.state.rule(0), self.state.rule(group)) {
            (Some(_), Some(expected)) if expected == found && group == number => Ok(()),
            (Some(first), expected) => {
                let expected = describe(expected.unwrap_or(first));
                Err(Error::Optimizer { expected, found: describe(found) })
            }
            (None, _) => Ok(()), // it keeps no gradients, and says so
        }
    }

    /// What is added to must be kept.
    fn check_addition(&self, kernel: &Kernel, node: &SketchNode) -> Result<(), Error> {
        match (kernel, node.op.writes()) {
            (Kernel::Accumulate(_), Some(slot @ Slot::Gradient(_))) => self.state.entry(slot).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn check_slots(&self) -> Result<(), Error> {
        let kept_and_written =
            |slot: &&Slot| matches!(slot, Slot::Gradient(_)) && self.written.contains(*slot);
        if let Some(Slot::Gradient(id)) = self.read.iter().find(kept_and_written) {
            return Err(Error::StoredTwice(*id));
        }
        let trains =
            |slot: &Slot| matches!(slot, Slot::Parameter(id) if self.written.contains(&Slot::Gradient(*id)));
        if self.written.iter().any(trains) && !self.advances {
            return Err(Error::NotAdvanced);
        }
        Ok(())
    }
}

/// The same for a value that the graph takes for one of this shape: kernels are sized by it.
fn slot_of(draft: &mut Draft, state: &State, slot_read: Slot, meta: Meta) -> Result<Value, Error> {
    let value = slot(draft, state, slot_read)?;
    match draft.values[value.index()].meta.shape == meta.shape {
        true => Ok(value),
        false => Err(Error::NotKept(slot_read)),
    }
}

/// A value that lies in a slot.
fn slot(draft: &mut Draft, state: &State, slot: Slot) -> Result<Value, Error> {
    let entry = state.entry(slot)?;
    Ok(draft
        .add_value(ValueInfo { persistent: Some(entry.extent), ..ValueInfo::temporary(entry.meta, false) }))
}

/// An output that is a parameter is read as it was when the step began, like everything else of the step: if the graph
/// gives it a new value, the output is a copy made before.
fn before_the_step_ends(draft: &mut Draft, value: Value) -> Value {
    let ValueInfo { meta, persistent: Some(extent), .. } = draft.values[value.index()] else { return value };
    let overlaps = |other: Value| draft.values[other.index()].persistent.is_some_and(|e| e.overlaps(&extent));
    let gives_new_value = |placed: &Placed| {
        matches!(placed.writes, Some(Slot::Parameter(_)))
            && placed.kernel.accesses().iter().any(|&(access, other)| access.writes() && overlaps(other))
    };
    if !draft.kernels().any(gives_new_value) {
        return value;
    }
    let output = draft.add_value(ValueInfo::temporary(meta, false));
    let copy = Copy { input: value, output, elements: meta.shape.elements() };
    draft.push(Placed { kernel: copy.into(), backward: false, writes: None });
    output
}

/// Puts gathers first, so that a batch is in memory as a whole, and new values of parameters and moments last, in the order in
/// which they lie in memory: whatever reads a parameter reads its old value, in whichever order a step was recorded. Averages
/// read the new ones.
fn batch_first_new_values_last(draft: &mut Draft) {
    draft.reorder(|kernels, values| {
        kernels.sort_by_key(|placed| match (&placed.kernel, placed.writes) {
            (Kernel::Gather(_) | Kernel::GatherTargets(_), _) => (0, None),
            (kernel, Some(slot @ (Slot::Parameter(_) | Slot::Moment(..) | Slot::Average(_)))) => {
                let written = kernel.accesses().into_iter().filter(|(access, _)| access.writes());
                let place =
                    written.filter_map(|(_, value)| Some(values[value.index()].persistent?.offset)).min();
                (if matches!(slot, Slot::Average(_)) { 3 } else { 2 }, place)
            }
            _ => (1, None),
        });
    });
}
