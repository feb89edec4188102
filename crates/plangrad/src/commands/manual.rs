//! `plangrad completions`, `man` and `help`: what the command line says about itself.

use clap::Command;
use clap_mangen::Man;
use serde::Serialize;

use crate::cli::{self, CompletionsArgs, HelpArgs, ManArgs};
use crate::error::{Error, Result};
use crate::output::Console;

pub(super) fn completions(arguments: &CompletionsArgs, console: &Console) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut cli::command(), "plangrad", &mut script);
    print(&script, console)
}

pub(super) fn man(arguments: &ManArgs, console: &Console) -> Result<()> {
    let mut page = Vec::new();
    Man::new(command(arguments.command.as_deref())?).render(&mut page).map_err(Error::Output)?;
    print(&page, console)
}

pub(super) fn help(arguments: &HelpArgs, console: &Console) -> Result<()> {
    let help = command(arguments.command.as_deref())?.render_help();
    print(help.to_string().as_bytes(), console)
}

/// The program, or one of its commands under its full name.
fn command(name: Option<&str>) -> Result<Command> {
    let mut program = cli::command();
    program.build();
    let Some(name) = name else { return Ok(program) };
    let Some(found) = program.find_subcommand(name) else {
        let names = program.get_subcommands().map(Command::get_name);
        let similar = plangrad_data::nearest(name, names);
        let suggestion = similar.map_or(String::new(), |similar| format!("; did you mean `{similar}`?"));
        return Err(Error::CommandLine(format!("unknown command `{name}`{suggestion}")));
    };
    let full = format!("plangrad-{name}");
    Ok(found.clone().display_name(full))
}

fn print(text: &[u8], console: &Console) -> Result<()> {
    let text = String::from_utf8_lossy(text);
    console.commands(&text.trim_end())?;
    console.json(&Object { text: &text })
}

#[derive(Serialize)]
struct Object<'a> {
    text: &'a str,
}
