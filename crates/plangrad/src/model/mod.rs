//! A trained model, read from its file and ready for evaluation and prediction.
//!
//! The file says what the model is and how its inputs are made; every claim is checked against the weights that are
//! there before anything is computed. Training is elsewhere: nothing here changes a weight.

mod ask;
mod classification;
mod confusion;
mod learnt;
mod regression;
mod trained;

pub(crate) use ask::Predictor;
pub use ask::{Evaluation, Prediction};
pub(crate) use classification::dominance;
pub use classification::{ClassQuality, Classification};
pub use confusion::{Confused, Confusion};
pub use regression::Regression;
pub use trained::{Model, Questions, Request};
