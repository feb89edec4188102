//! Wrong usage in one sentence: the problem, what was expected, a suggestion, where help is.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::output::Format;

const RESUME: &str = "--resume";

/// What other programs call an option, and its name here.
const ELSEWHERE: [(&str, &str); 22] = [
    ("--json", "--format json"),
    ("--class-weight", "--class-weights"),
    ("--early-stopping", "--patience EPOCHS"),
    ("--exclude", "--drop"),
    ("--exclude-columns", "--drop"),
    ("--ignore", "--drop"),
    ("--ignore-columns", "--drop"),
    ("--columns", "--features"),
    ("--target", "--label"),
    ("--delimiter", "--separator"),
    ("--sep", "--separator"),
    ("--learning-rate", "--lr"),
    ("--learning-rate-schedule", "--schedule"),
    ("--lr-scheduler", "--schedule"),
    ("--warmup-steps", "--warmup"),
    ("--validation-split", "--validation-fraction"),
    ("--val-fraction", "--validation-fraction"),
    ("--test-split", "--test-fraction"),
    ("--clip-grad-norm", "--clip-norm"),
    ("--gradient-accumulation", "--accumulate"),
    ("--output", "--out"),
    ("--gpu", "--device cuda"),
];

/// The format asked for by arguments that cannot be parsed.
pub(crate) fn format_asked_for(arguments: &[OsString]) -> Format {
    let options = || arguments.iter().take_while(|argument| *argument != "--");
    let json_follows =
        options().zip(options().skip(1)).any(|(option, value)| option == "--format" && value == "json");
    if json_follows || options().any(|argument| argument == "--format=json") {
        Format::Json
    } else {
        Format::Human
    }
}

/// What is wrong with the arguments.
pub(crate) fn sentence(error: &clap::Error) -> String {
    let problem = problem(error).unwrap_or_else(|| first_line(error));
    match error.get(ContextKind::Usage).and_then(|usage| command(&usage.to_string())) {
        Some(command) if problem.ends_with('?') => format!("{problem} See `{command} --help`"),
        Some(command) => format!("{problem}; see `{command} --help`"),
        None => problem,
    }
}

fn problem(error: &clap::Error) -> Option<String> {
    let text =
        |kind| error.get(kind).map(texts).map(|texts| texts.join(", ")).filter(|text| !text.is_empty());
    let suggestion = |kind| match text(kind) {
        Some(suggestion) => did_you_mean(&suggestion),
        None => String::new(),
    };
    let argument = || text(ContextKind::InvalidArg).map(|argument| option_name(&argument));
    Some(match error.kind() {
        ErrorKind::UnknownArgument => {
            let what = if argument()?.starts_with('-') { "option" } else { "argument" };
            let named = ELSEWHERE.iter().find(|(other, _)| Some(*other) == argument().as_deref());
            let named = named.map(|(_, name)| did_you_mean(name));
            let suggestion = named.unwrap_or_else(|| suggestion(ContextKind::SuggestedArg));
            format!("unknown {what} `{}`{suggestion}", argument()?)
        }
        ErrorKind::InvalidSubcommand => {
            let found = text(ContextKind::InvalidSubcommand)?;
            format!("unknown command `{found}`{}", suggestion(ContextKind::SuggestedSubcommand))
        }
        ErrorKind::InvalidValue => {
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            let expected = match text(ContextKind::ValidValue) {
                Some(choices) => format!("expected one of {choices}"),
                None => "expected a value".to_owned(),
            };
            let found = if value.is_empty() { "none".to_owned() } else { format!("`{value}`") };
            format!("{}: {expected}, found {found}{}", argument()?, suggestion(ContextKind::SuggestedValue))
        }
        ErrorKind::ValueValidation if argument()?.starts_with('-') => {
            format!("{}: {}", argument()?, error.source()?)
        }
        ErrorKind::ValueValidation => error.source()?.to_string(),
        ErrorKind::ArgumentConflict => match text(ContextKind::PriorArg) {
            Some(other) if option_name(&other) == argument()? => format!("{} was given twice", argument()?),
            Some(other) if argument()? == RESUME || option_names(&other) == RESUME => format!(
                "{} cannot be used with {}: a run keeps what it began with; another run can start from its weights, with --init \
                 DIR/model.safetensors",
                argument()?,
                option_names(&other)
            ),
            Some(other) => format!("{} cannot be used with {}", argument()?, option_names(&other)),
            None => format!("{} cannot be used with the other options", argument()?),
        },
        ErrorKind::MissingRequiredArgument => {
            let missing = error.get(ContextKind::InvalidArg).map(texts)?;
            format!(
                "missing: {}",
                missing.iter().map(|argument| alternatives(argument)).collect::<Vec<_>>().join(", ")
            )
        }
        ErrorKind::InvalidUtf8 => "expected UTF-8 text, found an argument with other bytes".to_owned(),
        _ => return None,
    })
}

fn did_you_mean(name: &str) -> String {
    format!("; did you mean `{name}`?")
}

/// clap's own words, for all other errors.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn texts(value: &ContextValue) -> Vec<String> {
    match value {
        ContextValue::Strings(texts) => texts.clone(),
        ContextValue::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// `--lr` of `--lr <RATE>`.
fn option_name(argument: &str) -> String {
    argument.split([' ', '=']).next().unwrap_or(argument).to_owned()
}

/// `--index <N> or --random` of `<--index <N>|--random>`.
fn alternatives(argument: &str) -> String {
    match argument.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')) {
        Some(group) if group.contains('|') => group.replace('|', " or "),
        _ => argument.to_owned(),
    }
}

fn option_names(arguments: &str) -> String {
    arguments.split(", ").map(option_name).collect::<Vec<_>>().join(", ")
}

/// `plangrad train` of `Usage: plangrad train [OPTIONS]`.
fn command(usage: &str) -> Option<String> {
    let words = usage.split_whitespace().skip_while(|word| *word != "plangrad");
    let command: Vec<&str> = words.take_while(|word| !word.starts_with(['[', '<', '-'])).collect();
    (!command.is_empty()).then(|| command.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    fn complaint(arguments: &str) -> String {
        sentence(&Cli::try_parse_from(arguments.split(' ')).unwrap_err())
    }

    #[test]
    fn misspellings_are_answered_with_a_suggestion() {
        assert_eq!(
            complaint("plangrad train --epoch 3"),
            "unknown option `--epoch`; did you mean `--epochs`? See `plangrad train --help`"
        );
        assert!(complaint("plangrad trian").starts_with("unknown command `trian`; did you mean `train`?"));
        assert!(
            complaint("plangrad train --optimizer adm")
                .contains("--optimizer: expected one of sgd, adam, adamw, found `adm`; did you mean `adam`?")
        );
        assert!(complaint("plangrad show --dataset mnits").contains("did you mean `mnist`?"));
        assert!(complaint("plangrad download minst").starts_with("unknown dataset `minst`"));
        assert!(complaint("plangrad train --activation rely").contains("did you mean `relu`?"));
    }

    #[test]
    fn names_of_other_programs_are_answered_with_the_name_here() {
        let json = complaint("plangrad devices --json");
        assert_eq!(
            json,
            "unknown option `--json`; did you mean `--format json`? See `plangrad devices --help`"
        );
        for (other, name) in ELSEWHERE {
            let (command, option) = ("plangrad train", name.split(' ').next().unwrap());
            assert!(
                complaint(&format!("{command} {other}")).contains(&format!("did you mean `{name}`?")),
                "{other}"
            );
            let known = Cli::try_parse_from(format!("{command} {option}=").split(' '));
            let kind = known.err().map(|error| error.kind());
            assert_ne!(kind, Some(ErrorKind::UnknownArgument), "{option}");
        }
    }
    #[test]
    fn values_out_of_range_are_named_with_their_option() {
        assert!(
            complaint("plangrad train --lr -1")
                .starts_with("--lr: expected a number of at least 0, found `-1`")
        );
        assert!(
            complaint("plangrad train --threads 0")
                .starts_with("--threads: expected a whole number from 1 to")
        );
        assert!(
            complaint("plangrad train --device cuda:x")
                .starts_with("--device: expected auto, cpu, gpu, cuda, metal, vulkan or dx12, those with a number as in cuda:1, or accelerator, found `cuda:x`")
        );
    }

    #[test]
    fn conflicting_and_missing_options_are_named() {
        assert!(
            complaint("plangrad show --random --index 3").starts_with("--random cannot be used with --index"),
            "{}",
            complaint("plangrad show --random --index 3")
        );
        assert!(
            complaint("plangrad predict model").starts_with("missing: --index <N> or --random or --image")
        );
        assert!(complaint("plangrad train --lr").starts_with("--lr: expected a value, found none"));
    }

    #[test]
    fn the_format_is_found_among_arguments_that_make_no_sense() {
        let format = |text: &str| format_asked_for(&text.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(format("plangrad train --bad --format json"), Format::Json);
        assert_eq!(format("plangrad --format=json bad"), Format::Json);
        assert_eq!(format("plangrad show --format human"), Format::Human);
        assert_eq!(format("plangrad show -- --format json"), Format::Human);
    }
}
