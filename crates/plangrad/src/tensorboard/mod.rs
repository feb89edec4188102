//! Event files of TensorBoard, written while a run goes on: scalars, histograms of weights, pictures, text.
//!
//! A file is a list of records (`record.rs`), each a message of protocol buffers (`summary.rs`); `event_file.rs` says which of
//! them a run has. Nothing of TensorBoard is needed to write them. Sources: `tensorflow/core/util/event.proto`,
//! `tensorflow/core/framework/summary.proto` and `tensorflow/core/lib/io/record_writer.cc`.

mod event_file;
mod record;
mod summary;

pub(crate) use event_file::{EventFile, Watched};
