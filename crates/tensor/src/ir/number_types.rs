//! The number types of a plan: in what its numbers are kept, computed and added up.

use std::fmt;

use super::{DType, Meta};

/// In which types a plan keeps, computes and adds up its numbers. By default all are f32.
///
/// A graph speaks of numbers only; what they are kept in is decided when the plan is made, and counts there to the byte:
///
/// ```
/// use plangrad_tensor::{DType, FileOrder, Graph, NumberTypes, Parameters, Plan, Role, Shape, State};
///
/// # fn main() -> Result<(), plangrad_tensor::Error> {
/// let mut parameters = Parameters::new();
/// let weights = parameters.add("w", Shape::new(&[10, 100])?, Role::Trained, FileOrder::AsInGraph)?;
/// let graph = Graph::new();
/// let doubled = graph.parameter(&weights)?.affine(2.0, 0.0)?;
/// let state = State::inference(&parameters)?;
/// let half = state.with_number_types(NumberTypes::default().storage(DType::Bf16))?;
/// let [f32, bf16] = [state, half].map(|state| Plan::new(&graph, &state, &[doubled]));
/// assert_eq!(f32?.bytes() - bf16?.bytes(), 4032 - 2048);
/// # Ok(())
/// # }
/// ```
///
/// A device that does not compute with these types refuses the plan with [`crate::Error::NumberTypes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NumberTypes {
    /// What lives within a step: the batch, activations and their gradients.
    pub storage: DType,
    /// What products multiply: their factors are rounded to it. All else is computed in f32.
    pub compute: DType,
    /// Losses and other sums over a batch, and the gradients of parameters.
    pub sums: DType,
    /// What lives from step to step: parameters and moments.
    pub masters: DType,
}

impl Default for NumberTypes {
    fn default() -> NumberTypes {
        NumberTypes { storage: DType::F32, compute: DType::F32, sums: DType::F32, masters: DType::F32 }
    }
}

impl NumberTypes {
    /// Mixed precision: activations, their gradients and inputs in bfloat16, which products multiply, too; sums, losses, and what
    /// lives from step to step in f32. bfloat16 has the range of f32, so that no gradient is too small for it and losses need no
    /// scaling (Kalamkar et al., *A Study of BFLOAT16 for Deep Learning Training*,
    /// [arXiv:1905.12322](https://arxiv.org/abs/1905.12322)).
    #[must_use]
    pub fn bf16() -> NumberTypes {
        NumberTypes::default().storage(DType::Bf16).compute(DType::Bf16)
    }

    /// The same with what lives within a step in `dtype`.
    #[must_use]
    pub fn storage(self, dtype: DType) -> NumberTypes {
        NumberTypes { storage: dtype, ..self }
    }

    /// The same with the factors of products in `dtype`.
    #[must_use]
    pub fn compute(self, dtype: DType) -> NumberTypes {
        NumberTypes { compute: dtype, ..self }
    }

    /// The same with sums and gradients of parameters in `dtype`.
    #[must_use]
    pub fn sums(self, dtype: DType) -> NumberTypes {
        NumberTypes { sums: dtype, ..self }
    }

    /// The same with parameters and moments in `dtype`.
    #[must_use]
    pub fn masters(self, dtype: DType) -> NumberTypes {
        NumberTypes { masters: dtype, ..self }
    }
}

impl fmt::Display for NumberTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NumberTypes { storage, compute, sums, masters } = self;
        write!(f, "storage in {storage}, products of {compute}, sums in {sums}, masters in {masters}")
    }
}

impl Meta {
    /// The same with its numbers kept in `dtype`. Whole numbers such as labels stay as they are.
    pub(crate) fn kept_in(self, dtype: DType) -> Meta {
        match self.dtype.is_whole() {
            true => self,
            false => Meta { dtype, ..self },
        }
    }
}
