//! Values: of graphs, and of plans.

/// Identity of a graph within this process.
///
/// Example: [`Plan`](crate::Plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GraphId(pub(crate) u64);

/// Identity of a value of a graph, and a key into a [`crate::Plan`] of it. It knows its graph: a plan of another one refuses
/// it.
///
/// Example: [`Session`](crate::Session).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId {
    /// The graph.
    pub(crate) graph: GraphId,
    /// The number of the value in it.
    pub(crate) number: u32,
}

impl TensorId {
    pub(crate) fn index(self) -> usize {
        self.number as usize
    }
}

/// Identity of a buffer within one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Value(pub(crate) u32);

impl Value {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a kernel touches an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Changed in place: neighbours must wait on both counts.
    Update,
}

impl Access {
    pub(crate) fn writes(self) -> bool {
        self != Access::Read
    }

    pub(crate) fn reads(self) -> bool {
        self != Access::Write
    }
}
