//! One function for each command: from its arguments to its results on the console.

mod answers;
mod device;
mod devices;
mod download;
mod eval;
mod export;
mod fit;
mod image_bar;
mod manual;
mod plan;
mod predict;
mod quality;
mod report;
mod samples;
mod search;
mod serve;
mod several;
mod show;
mod subject;
mod summary;
mod sweep;
mod train;
mod trained;
mod watch;

use crate::cli::Command;
use crate::error::Result;
use crate::output::Console;

/// Does what a command line asks for.
///
/// # Errors
/// Whatever ended it.
pub fn perform(command: &Command, console: &mut Console) -> Result<()> {
    match command {
        Command::Train(arguments) => train::train(arguments, console),
        Command::Eval(arguments) => eval::eval(arguments, console),
        Command::Predict(arguments) => predict::predict(arguments, console),
        Command::Show(arguments) => show::show(arguments, console),
        Command::Summary(arguments) => summary::summary(arguments, console),
        Command::Plan(arguments) => plan::plan(arguments, console),
        Command::Fit(arguments) => fit::perform(arguments, console),
        Command::Sweep(arguments) => sweep::sweep(arguments, console),
        Command::Search(arguments) => search::perform(arguments, console),
        Command::Report(arguments) => report::report(arguments, console),
        Command::Export(arguments) => export::perform(arguments, console),
        Command::Serve(arguments) => serve::perform(arguments, console),
        Command::Watch(arguments) => watch::watch(arguments, console),
        Command::Devices(_) => devices::devices(console),
        Command::Download(arguments) => download::download(arguments, console),
        Command::Completions(arguments) => manual::completions(arguments, console),
        Command::Man(arguments) => manual::man(arguments, console),
        Command::Help(arguments) => manual::help(arguments, console),
    }
}
