//! From arguments to exit code: parse, call the command, say what went wrong.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{Cli, usage};
use crate::error::{Error, Result};
use crate::output::Console;
use crate::output::Format;
use crate::{commands, process};

/// Runs the program with these arguments, of which the first is its name. Returns its exit code: 0, 1 (it failed) or 2
/// (wrong usage).
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let _pool = process::thread_pool();
    let (format, result) = match Cli::try_parse_from(&arguments) {
        Ok(cli) => (cli.format, perform(&cli)),
        Err(error) if !error.use_stderr() => (Format::Human, print_help(&error)),
        Err(error) => (usage::format_asked_for(&arguments), Err(wrong_usage(&error))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has seen enough.
        Err(Error::Output(reason)) if reason.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            Console::new(format).error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn perform(cli: &Cli) -> Result<()> {
    commands::perform(&cli.command, &mut Console::new(cli.format))
}

/// `--help` and `--version`, which the parser reports as errors.
fn print_help(help: &clap::Error) -> Result<()> {
    help.print().map_err(Error::Output)
}

fn wrong_usage(error: &clap::Error) -> Error {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        Console::remark(&error.render());
        return Error::CommandLine("no command was given; choose one of those above".to_owned());
    }
    Error::CommandLine(usage::sentence(error))
}
