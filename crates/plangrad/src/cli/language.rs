//! The help of the command line in the language of its reader: options are defined in English, and translated when the parser is
//! built. Names of options and values, and errors, are the same in every language.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::Result;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Cli;
use crate::language::{Language, filled};

/// Help as clap writes it, with its heading in place.
const TEMPLATE: &str = "{about-with-newline}\n{usage-heading}{usage}\n\n{all-args}{after-help}";

/// Parses a command line; what it asks for is answered in the language of this process.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Cli> {
    Cli::from_arg_matches(&matches(arguments)?).map_err(|error| error.format(&mut command()))
}

/// The same, as options and where their values come from.
pub(crate) fn matches(arguments: &[OsString]) -> Result<ArgMatches> {
    command().try_get_matches_from(arguments)
}

/// The command line, with its help in the language of this process.
pub(crate) fn command() -> Command {
    in_language(Language::current())
}

fn in_language(language: Language) -> Command {
    let mut command = Cli::command();
    if language == Language::English {
        return command;
    }
    command.build(); // adds --help and --version
    translated(command, language)
}

fn translated(command: Command, language: Language) -> Command {
    let text = |english: &str| language.translate(english).to_owned();
    let about = command.get_about().map(|about| text(&about.to_string())).unwrap_or_default();
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = match language.translation(&examples) {
        Some(whole) => whole.to_owned(),
        None => examples.replacen("Examples:", &text("Examples:"), 1),
    };
    command
        .about(about)
        .after_help(examples)
        .help_template(TEMPLATE.replace("{usage-heading}", &text("Usage: ")))
        .subcommand_help_heading(text("Commands"))
        .mut_args(|argument| with_notes(argument, language))
        .mut_subcommands(|command| translated(command, language))
}

/// An argument whose help says what clap would add to it.
fn with_notes(argument: Arg, language: Language) -> Arg {
    let text = |english: &str| language.translate(english).to_owned();
    let help = argument.get_help().map(|help| text(&help.to_string())).unwrap_or_default();
    let help = help + &notes(&argument, language);
    let heading =
        argument.get_help_heading().unwrap_or(if argument.is_positional() { "Arguments" } else { "Options" });
    let heading = text(heading);
    argument
        .help(StyledStr::from(help))
        .help_heading(heading)
        .hide_default_value(true)
        .hide_possible_values(true)
        .hide_env(true)
}

/// Default, variable and possible values, in the order of clap.
fn notes(argument: &Arg, language: Language) -> String {
    if !argument.get_action().takes_values() {
        return String::new();
    }
    let note =
        |english: &str, name: &str, value: String| filled(language.translate(english), &[(name, &value)]);
    let joined = |values: Vec<String>, between| (!values.is_empty()).then(|| values.join(between));
    let variable = argument.get_env().filter(|_| !argument.is_hide_env_set());
    let variable = variable.map(|name| name.to_string_lossy().into_owned());
    let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let defaults = joined(defaults.collect(), " ").filter(|_| !argument.is_hide_default_value_set());
    let values = argument.get_possible_values();
    let values = values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned());
    let values = joined(values.collect(), ", ").filter(|_| !argument.is_hide_possible_values_set());
    let notes = [
        variable.map(|name| note(" [env: {variable}]", "variable", name)),
        defaults.map(|value| note(" [default: {value}]", "value", value)),
        values.map(|values| note(" [possible values: {values}]", "values", values)),
    ];
    notes.into_iter().flatten().collect()
}

/// All texts of the help, in English.
#[cfg(test)]
pub(crate) fn texts_of_help() -> Vec<String> {
    let own = ["Usage: ", "Commands", "Arguments", "Options", "Examples:"];
    let notes = [" [env: {variable}]", " [default: {value}]", " [possible values: {values}]"];
    let mut texts: Vec<String> = own.iter().chain(&notes).map(ToString::to_string).collect();
    let mut command = Cli::command();
    command.build();
    texts.extend(command.get_after_help().map(ToString::to_string)); // it has words beside the commands
    collect(&command, &mut texts);
    texts
}

#[cfg(test)]
fn collect(command: &Command, texts: &mut Vec<String>) {
    texts.extend(command.get_about().map(ToString::to_string));
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        texts.extend(argument.get_help().map(ToString::to_string));
        texts.extend(argument.get_help_heading().map(ToOwned::to_owned));
    }
    command.get_subcommands().for_each(|command| collect(command, texts));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_help_has_no_english_left_but_names() {
        let mut command = in_language(Language::Chinese);
        for name in ["train", "plan", "serve"] {
            let help = command.find_subcommand_mut(name).unwrap().render_help().to_string();
            assert!(help.contains("用法：plangrad"), "{help}");
            for english in ["Usage", "Options", "default", "possible", "env:", "Print", "Examples"] {
                assert!(!help.contains(english), "{english} in {help}");
            }
        }
    }
}
