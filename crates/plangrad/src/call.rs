//! Commands for other programs: options as data in, JSON out. The Python module stands on this.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::cli::Cli;
use crate::error::Result;
use crate::host::{self, Host};
use crate::run::perform_for;
use crate::train::Stop;

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// Of an option without a value: whether it is given.
    Switch(bool),
    /// One value, as it would be typed.
    One(OsString),
    /// Several.
    Several(Vec<OsString>),
}

/// Does what `plangrad COMMAND` does, on the calling thread. What it would print goes to `host`: results as JSON, each an object
/// of `docs/json.md`. Names of options have underscores for hyphens: `batch_size`.
///
/// # Errors
/// Those of the command, among them [`Error::CommandLine`](crate::Error::CommandLine) for an option that it does not have;
/// [`Error::Interrupted`](crate::Error::Interrupted) or [`Error::Stopped`](crate::Error::Stopped) if `stop` was asked for.
///
/// # Example
/// ```
/// use plangrad::{Host, OptionValue, call, train::Stop};
///
/// struct Results(std::sync::mpsc::Sender<String>);
///
/// impl Host for Results {
///     fn result(&mut self, json: &str) {
///         self.0.send(json.to_owned()).expect("the receiver waits");
///     }
///     fn remark(&mut self, _: &str) {}
///     fn warning(&mut self, _: &str) {}
/// }
///
/// let (results, came) = std::sync::mpsc::channel();
/// let options = [("hidden".to_owned(), OptionValue::Several(vec!["64".into(), "32".into()]))];
/// call("summary", &options, Box::new(Results(results)), &Stop::default())?;
/// assert!(came.recv()?.contains(r#""total_parameters":52650"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn call(
    command: &str,
    options: &[(String, OptionValue)],
    host: Box<dyn Host>,
    stop: &Stop,
) -> Result<()> {
    let all = Cli::command();
    let known = all.find_subcommand(command);
    let words = options.iter().flat_map(|(name, value)| words(known, name, value));
    let arguments: Vec<OsString> = ["plangrad".into(), command.into()].into_iter().chain(words).collect();
    host::working_for(host, stop, || perform_for(&arguments))
}

/// An option of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOption {
    /// Its name, as [`call`] takes it.
    pub name: String,
    /// What its value is called, `N[,N…]`; `None` for a switch.
    pub value: Option<String>,
    /// Its possible values, if they are words that can be listed.
    pub choices: Vec<String>,
    /// What its help says.
    pub help: String,
}

/// The options of a command, in the order of its help; none of a command that there is not.
#[must_use]
pub fn options(command: &str) -> Vec<CommandOption> {
    let mut all = Cli::command();
    all.build();
    let of = |command: &Command| {
        let own = command.get_arguments().filter(|option| !option.is_global_set() && !option.is_hide_set());
        own.filter_map(described).collect()
    };
    all.find_subcommand(command).map(of).unwrap_or_default()
}

/// `None` for what has no long name, and for `--help`.
fn described(option: &Arg) -> Option<CommandOption> {
    let name = option.get_long()?.replace('-', "_");
    let is_switch = !option.get_action().takes_values();
    let value = option.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let choices = option.get_possible_values().into_iter().map(|value| value.get_name().to_owned());
    (name != "help").then(|| CommandOption {
        name,
        value: value.filter(|_| !is_switch),
        choices: choices.filter(|_| !is_switch).collect(),
        help: option.get_help().map(ToString::to_string).unwrap_or_default(),
    })
}

/// An option as it is typed: nothing for a switch that is off.
fn words(command: Option<&Command>, name: &str, value: &OptionValue) -> Vec<OsString> {
    let option = OsString::from(format!("--{}", name.replace('_', "-")));
    let with = |value: &OsString| {
        let mut word = option.clone();
        word.push("=");
        word.push(value);
        word
    };
    match value {
        OptionValue::Switch(false) => Vec::new(),
        OptionValue::Switch(true) => vec![option],
        OptionValue::One(value) => vec![with(value)],
        OptionValue::Several(values) if values.is_empty() => vec![with(&"none".into())],
        OptionValue::Several(values) if repeats(command, name) => values.iter().map(with).collect(),
        OptionValue::Several(values) => vec![with(&values.join(",".as_ref()))],
    }
}

/// Whether several values of an option are typed as one option for each.
fn repeats(command: Option<&Command>, name: &str) -> bool {
    let mut options = command.into_iter().flat_map(Command::get_arguments);
    let option = options.find(|option| option.get_id() == name);
    option.is_some_and(|option| {
        matches!(option.get_action(), ArgAction::Append) && option.get_value_delimiter().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(name: &str, value: OptionValue) -> Vec<OsString> {
        let all = Cli::command();
        words(all.find_subcommand("train"), name, &value)
    }

    #[test]
    fn options_are_typed_as_their_command_reads_them() {
        let several = |values: &[&str]| OptionValue::Several(values.iter().map(OsString::from).collect());
        assert_eq!(typed("batch_size", OptionValue::One("64".into())), ["--batch-size=64"]);
        assert_eq!(typed("no_shuffle", OptionValue::Switch(true)), ["--no-shuffle"]);
        assert_eq!(typed("no_shuffle", OptionValue::Switch(false)), [""; 0]);
        assert_eq!(typed("hidden", several(&["64", "32"])), ["--hidden=64,32"]);
        assert_eq!(typed("hidden", several(&[])), ["--hidden=none"]);
        assert_eq!(typed("plot", several(&["a.png", "b.svg"])), ["--plot=a.png", "--plot=b.svg"]);
    }

    #[test]
    fn the_options_of_a_command_say_what_they_take() {
        let found = options("train");
        let named = |name: &str| found.iter().find(|option| option.name == name);
        assert_eq!(named("batch_size").unwrap().value.as_deref(), Some("N|auto"));
        assert_eq!(named("no_shuffle").unwrap().value, None);
        assert_eq!(named("keep").unwrap().choices, ["last", "best"]);
        assert!(named("epochs").unwrap().help.starts_with("Passes over"));
        assert_eq!((named("format"), named("help")), (None, None));
        assert_eq!(options("trian"), []);
    }
}
