//! Recording: a [`Graph`] of nodes and the small [`Tensor`] handles to their results.
//!
//! Nothing is computed here. Every node is one op applied to earlier results, with shapes and types already checked, so a
//! graph that exists is a graph that can be planned.

mod interpreter;
mod op;
mod parameters;

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use interpreter::Interpreter;
pub(crate) use op::{Call, Known, KnownInput, Lower, Lowered, Meaning, Operand, ShapeRule, Simpler, one};
pub use parameters::Parameters;

use crate::error::Error;
use crate::ir::{DType, GraphId, Meta, ParameterId, Shape, TensorId};

/// A graph operation.
pub(crate) trait Op: ShapeRule + Gradient + Meaning + Lower {}

impl<O: ShapeRule + Gradient + Meaning + Lower> Op for O {}

/// How a loss changes with an op's inputs.
pub(crate) trait Gradient: ShapeRule {
    /// For each input the gradient of the loss, given that of the results; `None` for inputs that need none. A gradient may
    /// have the result's broadcast shape: the walk sums it down to the input's.
    ///
    /// # Errors
    /// [`Error::NoGradient`] unless the op has a rule.
    fn gradient<'g>(&self, _node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Err(Error::NoGradient { op: self.name() })
    }

    /// Whether gradients may be asked of the results although the op has no inputs.
    fn is_variable(&self) -> bool {
        false
    }
}

/// One recorded operation.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: Arc<dyn Op>,
    /// Numbers of the results that it reads.
    pub(crate) inputs: Vec<u32>,
    /// Number of its first result.
    pub(crate) first_output: u32,
    /// Shape and type of each result.
    pub(crate) outputs: Vec<Meta>,
    /// Whether it was recorded by the backward walk or after it.
    pub(crate) backward: bool,
}

impl Node {
    /// The numbers of its results.
    pub(crate) fn output_numbers(&self) -> std::ops::Range<u32> {
        self.first_output..self.first_output + self.outputs.len() as u32
    }
}

/// One result of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded {
    /// The node.
    pub(crate) node: usize,
    pub(crate) meta: Meta,
    /// Whether a gradient may be asked of it.
    pub(crate) requires_grad: bool,
}

/// A recording of operations. Single-threaded and append-only; drop it once its [`crate::Plan`]s are made.
///
/// ```
/// use plangrad_tensor::{Graph, Shape, eval};
///
/// let graph = Graph::new();
/// let x = graph.full(2.0, Shape::new(&[3])?)?;
/// let sum = x.mul(x)?.sum()?; // recorded, not computed
/// assert_eq!(eval(sum)?.sum(), 12.0);
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct Graph {
    id: GraphId,
    nodes: RefCell<Vec<Node>>,
    results: RefCell<Vec<Recorded>>,
    parameters: RefCell<HashMap<ParameterId, u32>>,
    in_backward: Cell<bool>,
    reads_averages: bool,
}

/// A handle to one value of a graph: cheap to copy, knows its shape and element type.
///
/// ```
/// use plangrad_tensor::{DType, Graph, Shape};
///
/// let graph = Graph::new();
/// let x = graph.full(2.0, Shape::new(&[4, 3])?)?;
/// let mean = x.mean_and_variance(0)?.0;
/// assert_eq!((x.dims(), mean.dims(), mean.dtype()), (&[4, 3][..], &[3][..], DType::F32));
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Tensor<'g> {
    graph: &'g Graph,
    number: u32,
    meta: Meta,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Graph {
        static GRAPHS: AtomicU64 = AtomicU64::new(0);
        Graph {
            id: GraphId(GRAPHS.fetch_add(1, Ordering::Relaxed)),
            nodes: RefCell::default(),
            results: RefCell::default(),
            parameters: RefCell::default(),
            in_backward: Cell::default(),
            reads_averages: false,
        }
    }

    /// An empty graph in which trained parameters stand for their running averages ([`Graph::average`]): for the evaluation of a
    /// network by these.
    #[must_use]
    pub fn of_averages() -> Graph {
        Graph { reads_averages: true, ..Graph::new() }
    }

    /// Whether parameters stand for their averages.
    pub(crate) fn reads_averages(&self) -> bool {
        self.reads_averages
    }

    /// Its identity.
    pub(crate) fn id(&self) -> GraphId {
        self.id
    }

    /// Number of values recorded so far.
    pub fn len(&self) -> usize {
        self.results.borrow().len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `op` applied to `inputs`, after its shape rule has accepted them; returns its one result.
    pub(crate) fn record<'g>(
        &'g self,
        op: impl Op + 'static,
        inputs: &[Tensor<'g>],
    ) -> Result<Tensor<'g>, Error> {
        Ok(self.record_all(op, inputs)?[0])
    }

    /// The same for an op with any number of results.
    pub(crate) fn record_all<'g>(
        &'g self,
        op: impl Op + 'static,
        inputs: &[Tensor<'g>],
    ) -> Result<Vec<Tensor<'g>>, Error> {
        self.append(Arc::new(op), inputs)
    }

    fn append<'g>(&'g self, op: Arc<dyn Op>, inputs: &[Tensor<'g>]) -> Result<Vec<Tensor<'g>>, Error> {
        if inputs.iter().any(|input| !self.owns(input)) {
            return Err(Error::OtherGraph { op: op.name() });
        }
        let metas: Vec<Meta> = inputs.iter().map(|input| input.meta).collect();
        let outputs = op.outputs(&metas)?;
        let (mut nodes, mut results) = (self.nodes.borrow_mut(), self.results.borrow_mut());
        let first_output = u32::try_from(results.len()).map_err(|_| Error::TooManyNodes)?;
        first_output.checked_add(outputs.len() as u32).ok_or(Error::TooManyNodes)?;
        let depends = op.is_variable() || inputs.iter().any(|t| results[t.number as usize].requires_grad);
        for &meta in &outputs {
            let requires_grad = depends && meta.dtype == DType::F32;
            results.push(Recorded { node: nodes.len(), meta, requires_grad });
        }
        let tensor =
            |(i, &meta): (usize, &Meta)| Tensor { graph: self, number: first_output + i as u32, meta };
        let tensors = outputs.iter().enumerate().map(tensor).collect();
        let inputs = inputs.iter().map(|input| input.number).collect();
        let backward = self.in_backward.get();
        nodes.push(Node { op, inputs, first_output, outputs, backward });
        Ok(tensors)
    }

    /// The tensor that stands for parameter `id`, which `record` makes the first time it is asked for.
    pub(crate) fn parameter_once<'g>(
        &'g self,
        id: ParameterId,
        record: impl FnOnce() -> Result<Tensor<'g>, Error>,
    ) -> Result<Tensor<'g>, Error> {
        let known = self.parameters.borrow().get(&id).copied();
        if let Some(number) = known {
            return Ok(self.tensor(number));
        }
        let tensor = record()?;
        self.parameters.borrow_mut().insert(id, tensor.number);
        Ok(tensor)
    }

    /// From now on everything recorded belongs to the backward pass (the planner keeps what it reads of the forward).
    pub(crate) fn enter_backward(&self) {
        self.in_backward.set(true);
    }

    pub(crate) fn owns(&self, tensor: &Tensor<'_>) -> bool {
        std::ptr::eq(tensor.graph, self)
    }

    pub(crate) fn nodes(&self) -> Ref<'_, Vec<Node>> {
        self.nodes.borrow()
    }

    pub(crate) fn results(&self) -> Ref<'_, Vec<Recorded>> {
        self.results.borrow()
    }

    pub(crate) fn tensor(&self, number: u32) -> Tensor<'_> {
        Tensor { graph: self, number, meta: self.results.borrow()[number as usize].meta }
    }
}

impl Default for Graph {
    fn default() -> Graph {
        Graph::new()
    }
}

impl<'g> Tensor<'g> {
    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.meta.shape
    }

    /// Its dimensions, outermost first.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        self.meta.shape.dims()
    }

    /// Its element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.meta.dtype
    }

    /// Its identity, as a key into a [`crate::Plan`].
    #[must_use]
    pub fn id(&self) -> TensorId {
        TensorId { graph: self.graph.id, number: self.number }
    }

    /// The graph it belongs to.
    #[must_use]
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// Whether a gradient may be asked of it.
    #[must_use]
    pub fn requires_grad(&self) -> bool {
        self.graph.results.borrow()[self.number as usize].requires_grad
    }

    /// Its number in the graph.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn index(&self) -> usize {
        self.number as usize
    }

    pub(crate) fn unary(self, op: impl Op + 'static) -> Result<Tensor<'g>, Error> {
        self.graph.record(op, &[self])
    }

    pub(crate) fn binary(self, other: Tensor<'g>, op: impl Op + 'static) -> Result<Tensor<'g>, Error> {
        self.graph.record(op, &[self, other])
    }
}

/// What a gradient rule sees: the node's inputs, its results, and the gradient of the loss by each result.
pub(crate) struct Backward<'g> {
    pub(crate) inputs: Vec<Tensor<'g>>,
    pub(crate) outputs: Vec<Tensor<'g>>,
    /// `None` for a result that does not influence the loss. At least one is there.
    pub(crate) gradients: Vec<Option<Tensor<'g>>>,
    pub(crate) wanted: Vec<bool>,
}

impl<'g> Backward<'g> {
    /// The result of an op that has one.
    pub(crate) fn output(&self) -> Tensor<'g> {
        self.outputs[0]
    }

    /// The gradient by the result of an op that has one.
    pub(crate) fn dy(&self) -> Tensor<'g> {
        self.gradients[0].expect("a node is visited if the loss depends on a result, and this has one")
    }

    /// Records `rule` for input `i` only if somebody wants that gradient.
    pub(crate) fn when_wanted(
        &self,
        i: usize,
        rule: impl FnOnce() -> Result<Tensor<'g>, Error>,
    ) -> Result<Option<Tensor<'g>>, Error> {
        if self.wanted[i] { rule().map(Some) } else { Ok(None) }
    }
}

impl std::fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} {} #{})", self.meta.dtype, self.meta.shape, self.number)
    }
}
