//! The network of `docs/your-own-network.md`: two branches, a sum, and batch normalisation.

mod norm;
mod residual;

pub use norm::BatchNorm;
pub use residual::{Residual, ResidualConfig};
