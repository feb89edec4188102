//! A trained model, read from its file and ready for evaluation and prediction.
//!
//! The file says what the model is and how its inputs are made; every claim is checked against the weights that are
//! there before anything is computed. Training is elsewhere: nothing here changes a weight.

mod ask;
mod learnt;
mod trained;

pub(crate) use ask::Evaluation;
pub use ask::Prediction;
pub use trained::{Model, Questions, Request};
