//! Recording: a [`Graph`] of nodes and the small [`Tensor`] handles into it.
//!
//! Nothing is computed here. Every node is one [`Op`] applied to earlier nodes, with its shape and type already
//! checked, so a graph that exists is a graph that can be planned.

mod op;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use op::{Backward, Call, Lowered, Meta, Op, Operand};

use crate::ops::leaf;
use crate::{DType, Error, Shape};

/// Identity of a node within its graph; outlives the graph as a key into a [`crate::Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Identity of a trained parameter: its position in the list a [`crate::State`] was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub usize);

/// A trained parameter as the model declares it; its values live in a [`crate::Session`].
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Which one.
    pub id: ParameterId,
    /// Its name in files, e.g. `layer1.weight`.
    pub name: String,
    /// Shape in the graph. A linear layer's weight is `[inputs, outputs]` here, the order the kernels like.
    pub shape: Shape,
    /// Whether files and [`crate::Session`]'s accessors have it transposed: that weight is `[outputs, inputs]` there, as
    /// in PyTorch.
    pub transposed: bool,
}

impl Parameter {
    /// Shape in files: that of the graph, or its transpose.
    pub fn file_shape(&self) -> Vec<usize> {
        let mut dims = self.shape.dims().to_vec();
        if self.transposed {
            dims.reverse();
        }
        dims
    }
}

/// One recorded operation.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) op: Arc<dyn Op>,
    pub(crate) inputs: Vec<NodeId>,
    pub(crate) meta: Meta,
    /// Whether a gradient may be asked of this value.
    pub(crate) requires_grad: bool,
    /// Whether it was recorded by the backward walk or after it.
    pub(crate) backward: bool,
}

/// A recording of operations. Single-threaded and append-only; drop it once its [`crate::Plan`]s are made.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: RefCell<Vec<Node>>,
    parameters: RefCell<HashMap<ParameterId, NodeId>>,
    in_backward: Cell<bool>,
}

/// A handle to one value of a graph: cheap to copy, knows its shape and element type.
#[derive(Clone, Copy)]
pub struct Tensor<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) id: NodeId,
    pub(crate) meta: Meta,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// A trained parameter, readable by every plan of a session. Asking again gives the same tensor, so a gradient by it
    /// counts every use.
    ///
    /// # Errors
    /// If the graph knows this parameter with another shape.
    pub fn parameter(&self, parameter: &Parameter) -> Result<Tensor<'_>, Error> {
        if let Some(&id) = self.parameters.borrow().get(&parameter.id) {
            let known = self.tensor(id);
            return match known.shape() == parameter.shape {
                true => Ok(known),
                false => {
                    let expected = format!("one shape for parameter {}", parameter.id.0);
                    Err(Error::shapes("a graph", expected, &[known.shape(), parameter.shape]))
                }
            };
        }
        let tensor = self.record(leaf::Variable::parameter(parameter), &[])?;
        self.parameters.borrow_mut().insert(parameter.id, tensor.id);
        Ok(tensor)
    }

    /// A value copied into the plan, of which no gradient is asked.
    ///
    /// # Errors
    /// [`Error::Rank`] or [`Error::TooLarge`] for impossible shapes.
    pub fn constant<D: ndarray::Dimension>(
        &self,
        values: ndarray::Array<f32, D>,
    ) -> Result<Tensor<'_>, Error> {
        self.record(leaf::Constant::new(values.into_dyn(), false)?, &[])
    }

    /// Like [`Graph::constant`], but a gradient may be asked of it.
    ///
    /// # Errors
    /// [`Error::Rank`] or [`Error::TooLarge`] for impossible shapes.
    pub fn variable<D: ndarray::Dimension>(
        &self,
        values: ndarray::Array<f32, D>,
    ) -> Result<Tensor<'_>, Error> {
        self.record(leaf::Constant::new(values.into_dyn(), true)?, &[])
    }

    /// Class labels copied into the plan, one byte each.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for impossible shapes.
    pub fn labels(&self, labels: &[u8]) -> Result<Tensor<'_>, Error> {
        self.record(leaf::ConstantLabels::new(labels)?, &[])
    }

    /// `value` in every element of `shape`.
    ///
    /// # Errors
    /// Only if the graph cannot hold another node.
    pub fn full(&self, value: f32, shape: Shape) -> Result<Tensor<'_>, Error> {
        self.record(leaf::Full { value, shape }, &[])
    }

    /// Number of nodes recorded so far.
    pub fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `op` applied to `inputs`, after its shape rule has accepted them.
    pub(crate) fn record<'g>(
        &'g self,
        op: impl Op + 'static,
        inputs: &[Tensor<'g>],
    ) -> Result<Tensor<'g>, Error> {
        if inputs.iter().any(|t| !std::ptr::eq(t.graph, self)) {
            return Err(Error::OtherGraph { op: op.name() });
        }
        let metas: Vec<Meta> = inputs.iter().map(|t| t.meta).collect();
        let meta = op.output(&metas)?;
        let mut nodes = self.nodes.borrow_mut();
        let requires_grad = op.is_trainable_leaf()
            || inputs.iter().any(|t| nodes[t.id.index()].requires_grad) && meta.dtype == DType::F32;
        let id = NodeId(u32::try_from(nodes.len()).map_err(|_| Error::TooLarge { dims: vec![nodes.len()] })?);
        let inputs = inputs.iter().map(|t| t.id).collect();
        nodes.push(Node { op: Arc::new(op), inputs, meta, requires_grad, backward: self.in_backward.get() });
        Ok(Tensor { graph: self, id, meta })
    }

    /// From now on everything recorded belongs to the backward pass (the planner keeps what it reads of the forward).
    pub(crate) fn enter_backward(&self) {
        self.in_backward.set(true);
    }

    pub(crate) fn nodes(&self) -> std::cell::Ref<'_, Vec<Node>> {
        self.nodes.borrow()
    }

    pub(crate) fn tensor(&self, id: NodeId) -> Tensor<'_> {
        Tensor { graph: self, id, meta: self.nodes.borrow()[id.index()].meta }
    }
}

impl<'g> Tensor<'g> {
    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.meta.shape
    }

    /// Its dimensions, outermost first.
    pub fn dims(&self) -> &[usize] {
        self.meta.shape.dims()
    }

    /// Its element type.
    pub fn dtype(&self) -> DType {
        self.meta.dtype
    }

    /// Its node, as a key into a [`crate::Plan`].
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The graph it belongs to.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// Whether a gradient may be asked of it.
    pub fn requires_grad(&self) -> bool {
        self.graph.nodes.borrow()[self.id.index()].requires_grad
    }

    /// The value this tensor has in every element, if that is known while recording.
    pub(crate) fn as_full(&self) -> Option<f32> {
        self.graph.nodes.borrow()[self.id.index()].op.as_full()
    }

    pub(crate) fn unary(self, op: impl Op + 'static) -> Result<Tensor<'g>, Error> {
        self.graph.record(op, &[self])
    }

    pub(crate) fn binary(self, other: Tensor<'g>, op: impl Op + 'static) -> Result<Tensor<'g>, Error> {
        self.graph.record(op, &[self, other])
    }
}

impl std::fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} {} #{})", self.meta.dtype, self.meta.shape, self.id.0)
    }
}
