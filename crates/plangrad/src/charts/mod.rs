//! What `--plot` and `--out` show of training and of models: learning curves, a confusion matrix, numbers beside their predictions,
//! pictures with their predictions. Drawn from plain data; commands say which.

mod confusion;
mod gallery;
mod learning;
mod scatter;
mod search;
mod trades;

pub(crate) use confusion::ConfusionChart;
pub(crate) use gallery::{Gallery, Verdict};
pub(crate) use learning::learning_curves;
pub(crate) use scatter::scatter;
pub(crate) use search::{Trial, trials};
pub(crate) use trades::trades;
