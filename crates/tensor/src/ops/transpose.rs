//! How products read their operands, and the gradients that follow: C = op(A) · op(B), op(X) = X or Xᵀ.
//!
//! | A as stored | B as stored | dA | dB |
//! | --- | --- | --- | --- |
//! | A | B | dC · Bᵀ | Aᵀ · dC |
//! | A | Bᵀ | dC · B | dCᵀ · A |
//! | Aᵀ | B | B · dCᵀ | A · dC |
//! | Aᵀ | Bᵀ | Bᵀ · dCᵀ | dCᵀ · Aᵀ |
//!
//! The flags close products under differentiation: no transposed copy is ever recorded.

use std::ops::Not;

use crate::error::Error;
use crate::graph::{Backward, Tensor};

/// How [`Tensor::matmul_with`] reads an operand.
///
/// ```
/// use ndarray::arr2;
/// use plangrad_tensor::{Graph, Transpose, eval};
///
/// let graph = Graph::new();
/// let x = graph.constant(arr2(&[[1.0, 2.0], [3.0, 4.0]]))?;
/// let gram = x.matmul_with(x, Transpose::Yes, Transpose::No)?;
/// assert_eq!(eval(gram)?, arr2(&[[10.0, 14.0], [14.0, 20.0]]).into_dyn());
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transpose {
    /// As it is stored.
    No,
    /// Transposed, without a copy.
    Yes,
}

impl Not for Transpose {
    type Output = Transpose;

    fn not(self) -> Transpose {
        match self {
            Transpose::No => Transpose::Yes,
            Transpose::Yes => Transpose::No,
        }
    }
}

/// Rows and columns as the product sees them.
pub(super) fn oriented((rows, columns): (usize, usize), transpose: Transpose) -> (usize, usize) {
    match transpose {
        Transpose::No => (rows, columns),
        Transpose::Yes => (columns, rows),
    }
}

/// The gradients of a product with these flags, or of a list of products.
pub(super) fn gradients<'g>(
    node: &Backward<'g>,
    flag_a: Transpose,
    flag_b: Transpose,
) -> Result<Vec<Option<Tensor<'g>>>, Error> {
    let (a, b, dy) = (node.inputs[0], node.inputs[1], node.dy());
    let da = node.when_wanted(0, || match flag_a {
        Transpose::No => dy.matmul_with(b, Transpose::No, !flag_b),
        Transpose::Yes => b.matmul_with(dy, flag_b, Transpose::Yes),
    })?;
    let db = node.when_wanted(1, || match flag_b {
        Transpose::No => a.matmul_with(dy, !flag_a, Transpose::No),
        Transpose::Yes => dy.matmul_with(a, Transpose::Yes, flag_a),
    })?;
    Ok(vec![da, db])
}
