//! The driver: what the program `plangrad` does, as a library.
//!
//! [`run`] is the whole program, from arguments to exit code; [`call()`] is a command of it for another program. Its parts are
//!
//! * [`cli`]: the command line, parsed and checked, and nothing else;
//! * [`commands`]: one function for each command, from its arguments to its output;
//! * [`Console`]: the only way to standard output, as text or as one JSON object per line;
//! * [`Picture`]: images drawn in a terminal, read from PNG and written to it.
//!
//! Everything that can fail returns an [`Error`], which prints as one sentence. Nothing here computes: datasets, networks and
//! tensors are separate crates.

#![forbid(unsafe_code)]

mod base64;
mod calendar;
mod call;
mod charts;
pub mod cli;
mod clock;
mod colour;
pub mod commands;
pub mod device;
mod drawing;
mod error;
mod export;
pub mod fit;
mod history;
mod host;
mod html;
mod http;
mod language;
mod loading;
pub mod memory;
mod model;
mod network_file;
mod numbers;
mod output;
mod picture;
pub mod process;
mod protobuf;
mod report;
mod run;
mod screen;
mod search;
mod serve;
pub mod sweep;
mod tensorboard;
pub mod train;
mod watch;
mod weights;

pub use call::{CommandOption, OptionValue, call, options};
pub use colour::Colour;
pub use drawing::PictureFile;
pub use error::{Error, ErrorKind, Result};
pub use export::ExportFormat;
pub use host::Host;
pub use language::Language;
pub use model::{
    ClassQuality, Classification, Confused, Confusion, Evaluation, Model, Prediction, Questions, Regression,
    Request,
};
pub use numbers::grouped;
pub use output::{Console, Format};
pub use picture::{Graphics, Picture, PictureError};
pub use plangrad_data::Split;
pub use run::{exit_code, run};
pub use screen::GivesWay;

/// The examples of the project's page and of the crate's, compiled and run.
#[cfg(doctest)]
mod readme {
    // A link to the workspace's README.md, which is a copy in the packed crate.
    #[doc = include_str!("../PROJECT")]
    struct Project;

    #[doc = include_str!("../README.md")]
    struct Crate;
}
