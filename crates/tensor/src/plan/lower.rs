//! Lowering: the nodes that matter, one kernel each, over values that know where they come from.

use std::collections::{HashMap, HashSet};

use super::{Category, Extent, Kernel, Slot, State, Value};
use crate::graph::{Call, Lowered, Meta, Node, Operand};
use crate::{Error, Graph, NodeId, Shape, Tensor};

/// A value before it has an address.
#[derive(Clone, Debug)]
pub(crate) struct ValueInfo {
    pub(crate) bytes: usize,
    /// Where it lies, if in persistent memory.
    pub(crate) persistent: Option<Extent>,
    /// Whether the backward pass made it.
    pub(crate) backward: bool,
    pub(crate) category: Category,
}

/// A kernel and the pass it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) kernel: Kernel,
    pub(crate) backward: bool,
}

/// A plan in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) kernels: Vec<Placed>,
    pub(crate) values: Vec<ValueInfo>,
    pub(crate) outputs: HashMap<NodeId, (Value, Meta)>,
}

impl Draft {
    pub(crate) fn add_value(&mut self, info: ValueInfo) -> Value {
        let value = Value(u32::try_from(self.values.len()).expect("a graph has at most u32::MAX nodes"));
        self.values.push(info);
        value
    }

    pub(crate) fn is_output(&self, value: Value) -> bool {
        self.outputs.values().any(|&(output, _)| output == value)
    }

    /// The slot of a parameter, or of what is kept for it, which must have the shape that the graph gives it.
    fn slot(&mut self, state: &State, slot: Slot, shape: Shape) -> Result<Value, Error> {
        let value = self.persistent(state, slot)?;
        if let Slot::Parameter(id) | Slot::Gradient(id) | Slot::Moment(_, id) = slot
            && state.parameters()[id.0].shape != shape
        {
            let expected = format!("for {slot} the shape {} of the state", state.parameters()[id.0].shape);
            return Err(Error::shapes("the plan", expected, &[shape]));
        }
        Ok(value)
    }

    fn persistent(&mut self, state: &State, slot: Slot) -> Result<Value, Error> {
        let extent = state.extent(slot).ok_or_else(|| Error::Unknown(slot.to_string()))?;
        let info = ValueInfo {
            bytes: extent.bytes,
            persistent: Some(extent),
            backward: false,
            category: Category::Workspace,
        };
        Ok(self.add_value(info))
    }
}

/// For every node, whether an output or an effect depends on it.
fn needed(nodes: &[Node], outputs: &[Tensor<'_>]) -> Vec<bool> {
    let mut needed: Vec<bool> = nodes.iter().map(|node| node.op.has_effect()).collect();
    outputs.iter().for_each(|output| needed[output.id.index()] = true);
    for i in (0..nodes.len()).rev().filter(|&i| needed[i]).collect::<Vec<_>>() {
        mark_inputs(nodes, i, &mut needed);
    }
    needed
}

fn mark_inputs(nodes: &[Node], node: usize, needed: &mut [bool]) {
    let mut pending = vec![node];
    while let Some(i) = pending.pop() {
        for input in nodes[i].inputs.iter().map(|input| input.index()) {
            if !std::mem::replace(&mut needed[input], true) {
                pending.push(input);
            }
        }
    }
}

/// Lowers what `outputs` and effects need, in the order of recording.
pub(crate) fn lower(graph: &Graph, state: &State, outputs: &[Tensor<'_>]) -> Result<Draft, Error> {
    if outputs.iter().any(|output| !std::ptr::eq(output.graph, graph)) {
        return Err(Error::OtherGraph { op: "the plan" });
    }
    let nodes = graph.nodes();
    let needed = needed(&nodes, outputs);
    let mut draft = Draft { kernels: Vec::new(), values: Vec::new(), outputs: HashMap::new() };
    let step_block = draft.persistent(state, Slot::StepBlock)?;
    let metrics = draft.persistent(state, Slot::Metrics)?;
    let mut values: Vec<Option<Value>> = vec![None; nodes.len()];
    let (mut written, mut kept) = (HashSet::new(), HashSet::new());
    for (i, node) in nodes.iter().enumerate().filter(|&(i, _)| needed[i]) {
        let operand = |id: NodeId, values: &[Option<Value>]| Operand {
            value: values[id.index()].expect("inputs are recorded, and so lowered, before their readers"),
            meta: nodes[id.index()].meta,
            full: nodes[id.index()].op.as_full(),
        };
        let inputs: Vec<Operand> = node.inputs.iter().map(|&id| operand(id, &values)).collect();
        written_once(node.op.persistent_output(), &mut written)?;
        let output = match node.op.persistent_output() {
            Some(slot) => draft.slot(state, slot, node.meta.shape)?,
            None => draft.add_value(ValueInfo {
                bytes: node.meta.bytes(),
                persistent: None,
                backward: node.backward,
                category: Category::Workspace,
            }),
        };
        let output_operand = Operand { value: output, meta: node.meta, full: None };
        let call = Call { inputs, output: output_operand, step_block, metrics };
        values[i] = Some(match node.op.lower(&call) {
            Lowered::Kernel(kernel) => {
                check_optimizer(&kernel, state)?;
                let kernel = bind_moments(kernel, &mut draft, state, node)?;
                mark_batch(&kernel, &mut draft);
                draft.kernels.push(Placed { kernel, backward: node.backward });
                output
            }
            Lowered::Alias => call.inputs[0].value,
            Lowered::Slot(slot) => {
                kept.insert(slot);
                draft.slot(state, slot, node.meta.shape)?
            }
        });
    }
    if let Some(Slot::Gradient(id)) =
        kept.iter().find(|slot| written.contains(slot) && matches!(slot, Slot::Gradient(_)))
    {
        return Err(Error::StoredTwice(id.0));
    }
    let updates = written
        .iter()
        .any(|slot| matches!(slot, Slot::Parameter(id) if written.contains(&Slot::Gradient(*id))));
    if updates && !draft.kernels.iter().any(|placed| matches!(placed.kernel, Kernel::Advance(_))) {
        return Err(Error::NotAdvanced);
    }
    for output in outputs {
        let value = values[output.id.index()].expect("outputs are needed");
        let value = before_updates(&mut draft, value, output.meta);
        draft.outputs.insert(output.id, (value, output.meta));
    }
    batch_first_updates_last(&mut draft);
    Ok(draft)
}

/// A slot is written at most once in a graph: fusion moves stores to where their values are made, which is right only if
/// nobody else touches the slot.
fn written_once(slot: Option<Slot>, written: &mut HashSet<Slot>) -> Result<(), Error> {
    match slot {
        Some(slot) if !written.insert(slot) => Err(match slot {
            Slot::Gradient(id) => Error::StoredTwice(id.0),
            Slot::Parameter(id) | Slot::Moment(_, id) => Error::UpdatedTwice(id.0),
            Slot::StepBlock | Slot::Metrics => Error::Unknown(slot.to_string()),
        }),
        _ => Ok(()),
    }
}

/// An output that is a parameter is read as it was when the step began, like everything else of the step: if the graph
/// updates it, the output is a copy made before.
fn before_updates(draft: &mut Draft, value: Value, meta: Meta) -> Value {
    let Some(extent) = draft.values[value.index()].persistent else { return value };
    let updated = draft.kernels.iter().any(|placed| match &placed.kernel {
        Kernel::Update(update) => {
            draft.values[update.parameter.index()].persistent.is_some_and(|other| other.overlaps(&extent))
        }
        _ => false,
    });
    if !updated {
        return value;
    }
    let bytes = meta.bytes();
    let info = ValueInfo { bytes, persistent: None, backward: false, category: Category::Workspace };
    let output = draft.add_value(info);
    draft.kernels.push(Placed { kernel: Kernel::Copy { input: value, output, bytes }, backward: false });
    output
}

/// Puts gathers first, so that a batch is in memory as a whole, and updates last, in the order in which parameters lie
/// in memory: whatever reads a parameter reads its old value, in whichever order a step was recorded.
fn batch_first_updates_last(draft: &mut Draft) {
    let values = &draft.values;
    draft.kernels.sort_by_key(|placed| match &placed.kernel {
        Kernel::Gather(_) | Kernel::GatherTargets(_) => (0, None),
        Kernel::Update(update) => (2, values[update.parameter.index()].persistent.map(|e| e.offset)),
        _ => (1, None),
    });
}

/// The moments an update finds, and the corrections a step prepares, must be those of its optimizer.
fn check_optimizer(kernel: &Kernel, state: &State) -> Result<(), Error> {
    let (Kernel::Update(super::Update { optimizer, .. }) | Kernel::Advance(super::Advance { optimizer, .. })) =
        kernel
    else {
        return Ok(());
    };
    match state.optimizer() {
        Some(expected) if expected != *optimizer => Err(Error::Optimizer { expected, found: *optimizer }),
        _ => Ok(()),
    }
}

/// Gives an update the moments that belong to its parameter.
fn bind_moments(mut kernel: Kernel, draft: &mut Draft, state: &State, node: &Node) -> Result<Kernel, Error> {
    if let (Kernel::Update(update), Some(Slot::Parameter(id))) = (&mut kernel, node.op.persistent_output()) {
        for i in 0..update.optimizer.moments() {
            update.moments[i] = Some(draft.persistent(state, Slot::Moment(i, id))?);
        }
    }
    Ok(kernel)
}

/// What a gather writes is the batch.
fn mark_batch(kernel: &Kernel, draft: &mut Draft) {
    if let Kernel::Gather(super::Gather { output, .. })
    | Kernel::GatherTargets(super::GatherTargets { output, .. }) = kernel
    {
        draft.values[output.index()].category = Category::Batch;
    }
}
