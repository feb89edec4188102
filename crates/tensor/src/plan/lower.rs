//! Lowering: the nodes that matter, one kernel each, over values that know where they come from.

use std::collections::HashMap;

use super::{Category, Extent, Kernel, Slot, State, Value};
use crate::graph::{Call, Lowered, Meta, Node, Operand};
use crate::{Error, Graph, NodeId, Tensor};

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

    fn persistent(&mut self, state: &State, slot: Slot) -> Result<Value, Error> {
        let extent = state.extent(slot).ok_or_else(|| Error::Unknown(format!("{slot:?}")))?;
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
    let nodes = graph.nodes();
    let needed = needed(&nodes, outputs);
    let mut draft = Draft { kernels: Vec::new(), values: Vec::new(), outputs: HashMap::new() };
    let step_block = draft.persistent(state, Slot::StepBlock)?;
    let metrics = draft.persistent(state, Slot::Metrics)?;
    let mut values: Vec<Option<Value>> = vec![None; nodes.len()];
    for (i, node) in nodes.iter().enumerate().filter(|&(i, _)| needed[i]) {
        let operand = |id: NodeId, values: &[Option<Value>]| Operand {
            value: values[id.index()].expect("inputs are recorded, and so lowered, before their readers"),
            meta: nodes[id.index()].meta,
            full: nodes[id.index()].op.as_full(),
        };
        let inputs: Vec<Operand> = node.inputs.iter().map(|&id| operand(id, &values)).collect();
        let output = match node.op.persistent_output() {
            Some(slot) => draft.persistent(state, slot)?,
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
                let kernel = bind_moments(kernel, &mut draft, state, node)?;
                mark_batch(&kernel, &mut draft);
                draft.kernels.push(Placed { kernel, backward: node.backward });
                output
            }
            Lowered::Alias => call.inputs[0].value,
            Lowered::Slot(slot) => draft.persistent(state, slot)?,
        });
    }
    for output in outputs {
        let value = values[output.id.index()].expect("outputs are needed");
        draft.outputs.insert(output.id, (value, output.meta));
    }
    Ok(draft)
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
