//! From arguments to exit code: parse, call the command, say what went wrong.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;

use crate::cli::config::{self, FromFile};
use crate::cli::{self, Cli, Command, usage};
use crate::error::{Error, Result};
use crate::language::Language;
use crate::output::Console;
use crate::output::Format;
use crate::{commands, process};

/// Runs the program with these arguments, of which the first is its name. Returns its exit code: 0, 1 (it failed), 2 (wrong
/// usage) or 130 (interrupted).
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::from(exit_code(arguments))
}

/// The same for a caller that ends the process itself.
pub fn exit_code(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    process::called_with(&arguments);
    let _pool = process::thread_pool();
    if usage::format_asked_for(&arguments) == Format::Human {
        Language::asked_for(&arguments).speak();
    }
    let (format, result) = match cli::parse(&arguments) {
        Ok(cli) => (cli.format, configured(&arguments, cli).and_then(|cli| perform(&cli))),
        Err(error) if !error.use_stderr() => (Format::Human, print_help(&error)),
        Err(error) => (usage::format_asked_for(&arguments), Err(wrong_usage(&error))),
    };
    match result {
        Ok(()) => 0,
        // The reader of the output has seen enough.
        Err(Error::Output(reason)) if reason.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            Console::new(format).error(&error);
            error.kind().exit_code()
        }
    }
}

/// Carries out a command line for the host of this thread.
pub(crate) fn perform_for(arguments: &[OsString]) -> Result<()> {
    process::called_now(arguments);
    let _pool = process::thread_pool();
    let cli = cli::parse(arguments).map_err(|error| wrong_usage(&error))?;
    commands::perform(&configured(arguments, cli)?.command, &mut Console::new(Format::Json))
}

/// The command line with the options of the settings file that it names, if it does.
fn configured(arguments: &[OsString], cli: Cli) -> Result<Cli> {
    let Command::Train(train) = &cli.command else { return Ok(cli) };
    let Some(file) = &train.run.config else { return Ok(cli) };
    let matches = cli::matches(arguments).map_err(|error| wrong_usage(&error))?;
    let given = |option: &str| {
        let source = matches.subcommand().and_then(|(_, train)| train.value_source(option));
        source.is_some_and(|source| source != ValueSource::DefaultValue)
    };
    let FromFile { words, overridden } = config::read(file, &given)?;
    if !overridden.is_empty() && !cli.quiet {
        Console::remark(&format_args!("settings of {}, but for {}", file.display(), overridden.join(", ")));
    }
    let all: Vec<OsString> = arguments.iter().cloned().chain(words.into_iter().map(OsString::from)).collect();
    cli::parse(&all).map_err(|error| wrong_usage(&error))
}

fn perform(cli: &Cli) -> Result<()> {
    if cli.quiet {
        Console::be_quiet();
    }
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
