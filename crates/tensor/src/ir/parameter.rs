//! Parameters as a model declares them: names and shapes. Their numbers live in a session.

use std::fmt;
use std::sync::Arc;

use super::Shape;

/// Identity of a parameter, given by the [`crate::Parameters`] that it was added to. No two parameters have the same one.
///
/// Example: [`Parameters`](crate::Parameters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId {
    /// Different for every parameter of the process.
    pub(crate) serial: u64,
    /// Its number in its list.
    pub(crate) index: u32,
}

impl ParameterId {
    /// Its number in its list, counted from 0.
    #[must_use]
    pub fn number(self) -> u32 {
        self.index
    }

    pub(crate) fn index(self) -> usize {
        self.index as usize
    }
}

impl fmt::Display for ParameterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter {}", self.index)
    }
}

/// What changes a parameter.
///
/// Example: [`Parameters`](crate::Parameters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The optimizer: a gradient and moments are kept for it.
    Trained,
    /// The forward pass of training, as with running statistics ([`crate::Graph::assign`]). Nothing else is kept for it.
    Statistic,
    /// Nothing: it keeps the value that it is set to. Nothing else is kept for it.
    Frozen,
}

/// The order of a parameter's elements in files, and in the accessors of [`crate::Session`].
///
/// Example: [`Parameters`](crate::Parameters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileOrder {
    /// Row-major in the shape that the graph has.
    AsInGraph,
    /// Row-major in the transposed shape: a linear layer's weight is `[inputs, outputs]` in the graph, the order that kernels
    /// like, and `[outputs, inputs]` in files, as in PyTorch.
    Transposed,
}

/// A parameter as the model declares it; its values live in a [`crate::Session`]. Made by [`crate::Parameters::add`].
///
/// Example: [`Parameters`](crate::Parameters).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub(crate) id: ParameterId,
    pub(crate) name: Arc<str>,
    pub(crate) shape: Shape,
    pub(crate) role: Role,
    pub(crate) file_order: FileOrder,
}

impl Parameter {
    /// Which one.
    #[must_use]
    pub fn id(&self) -> ParameterId {
        self.id
    }

    /// Its name in files, e.g. `layer1.weight`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shape in the graph.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What changes it.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether the optimizer changes it.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        self.role == Role::Trained
    }

    /// The order of its elements in files.
    #[must_use]
    pub fn file_order(&self) -> FileOrder {
        self.file_order
    }

    /// Shape in files: that of the graph, or its transpose.
    #[must_use]
    pub fn file_shape(&self) -> Vec<usize> {
        let mut dims = self.shape.dims().to_vec();
        if self.file_order == FileOrder::Transposed {
            dims.reverse();
        }
        dims
    }

    /// The row-major place in the graph's shape of element `i` of files.
    pub(crate) fn graph_place(&self, i: usize) -> usize {
        match (self.file_order, self.shape.dims()) {
            (FileOrder::Transposed, &[rows, columns]) => i % rows * columns + i / rows,
            _ => i,
        }
    }
}
