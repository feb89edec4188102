//! The graph before it is lowered: constants folded, and what nobody needs left out.

use std::sync::Arc;

use crate::graph::{Graph, Known, KnownInput, Op, Simpler};
use crate::ir::{Meta, Shape};
use crate::ops::arithmetic::scaling;
use crate::ops::leaf::Full;

/// The nodes of a graph that a plan needs, in the order of recording.
pub(super) struct Sketch {
    pub(super) nodes: Vec<SketchNode>,
    /// For each value of the graph where it comes from now.
    origins: Vec<u32>,
    /// For each value of the graph the number in every element, if that is known.
    known: Vec<Option<f32>>,
    /// Shape and type of each value of the graph.
    metas: Vec<Meta>,
}

/// A node of a graph, perhaps another one than was recorded.
pub(super) struct SketchNode {
    pub(super) op: Arc<dyn Op>,
    /// Values that it reads.
    pub(super) inputs: Vec<u32>,
    pub(super) first_output: u32,
    pub(super) outputs: Vec<Meta>,
    pub(super) backward: bool,
    is_needed: bool,
}

impl Sketch {
    /// Simplifies every node that can be, and keeps what `outputs` and effects need.
    pub(super) fn new(graph: &Graph, outputs: &[u32]) -> Sketch {
        let metas: Vec<Meta> = graph.results().iter().map(|result| result.meta).collect();
        let (origins, known) = ((0..metas.len() as u32).collect(), vec![None; metas.len()]);
        let mut sketch = Sketch { nodes: Vec::new(), origins, known, metas };
        for node in graph.nodes().iter() {
            let inputs: Vec<u32> = node.inputs.iter().map(|&input| sketch.origins[input as usize]).collect();
            let known = |&input: &u32| KnownInput { meta: sketch.meta(input), full: sketch.known(input) };
            let inputs_known: Vec<KnownInput> = inputs.iter().map(known).collect();
            let known = Known { inputs: &inputs_known, outputs: &node.outputs };
            let output = node.first_output as usize;
            let mut kept = SketchNode {
                op: node.op.clone(),
                inputs,
                first_output: node.first_output,
                outputs: node.outputs.clone(),
                backward: node.backward,
                is_needed: node.op.has_effect(),
            };
            match node.op.simplify(&known) {
                Simpler::No => {}
                Simpler::Input(i) => {
                    sketch.origins[output] = kept.inputs[i];
                    continue;
                }
                Simpler::Full(value) => {
                    sketch.known[output] = Some(value);
                    (kept.op, kept.inputs) = (full(value, node.outputs[0].shape), Vec::new());
                }
                Simpler::Scaled { input, by } => {
                    (kept.op, kept.inputs) = (Arc::new(scaling(by)), vec![kept.inputs[input]]);
                }
            }
            sketch.nodes.push(kept);
        }
        sketch.keep_needed(outputs);
        sketch
    }

    /// Where a value of the graph comes from.
    pub(super) fn origin(&self, value: u32) -> u32 {
        self.origins[value as usize]
    }

    /// The number in every element of a value, if that is known.
    pub(super) fn known(&self, value: u32) -> Option<f32> {
        self.known[value as usize]
    }

    /// Shape and type of a value.
    pub(super) fn meta(&self, value: u32) -> Meta {
        self.metas[value as usize]
    }

    /// Drops nodes that neither an output nor an effect depends on.
    fn keep_needed(&mut self, outputs: &[u32]) {
        let mut needed = vec![false; self.origins.len()];
        outputs.iter().for_each(|&output| needed[self.origin(output) as usize] = true);
        for node in self.nodes.iter_mut().rev() {
            let mut results = node.first_output as usize..node.first_output as usize + node.outputs.len();
            node.is_needed |= results.any(|result| needed[result]);
            if node.is_needed {
                node.inputs.iter().for_each(|&input| needed[input as usize] = true);
            }
        }
        self.nodes.retain(|node| node.is_needed);
    }
}

fn full(value: f32, shape: Shape) -> Arc<dyn Op> {
    Arc::new(Full { value, shape })
}
