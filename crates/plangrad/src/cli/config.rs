//! `train --config`: a run's `config.toml` in place of options.
//!
//! Each key of the file stands for an option; those that the command line gives itself are left out, so it wins. The result is a
//! longer command line, which is parsed like any other: a value from the file is checked and refused as if it had been typed.

use std::path::{Path, PathBuf};

use plangrad_data::{nearest, open_regular_file};
use plangrad_nn::Network;
use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::train::CONFIG;

/// The longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// Keys whose options have the same name, but for underscores and the name of their table before it.
const SAME: [&str; 25] = [
    "dataset",
    "data_dir",
    "normalize",
    "label",
    "test_fraction",
    "validation_fraction",
    "keep",
    "best_by",
    "patience",
    "loss",
    "hidden",
    "activation",
    "dropout",
    "batch_size",
    "epochs",
    "max_steps",
    "seed",
    "init",
    "eval_batch_size",
    "log_every",
    "checkpoint_every",
    "class_weights",
    "label_smoothing",
    "decay_of",
    "ema",
];

/// Keys whose options have other names.
const OTHERS: [(&str, &str); 25] = [
    ("shuffle", "no_shuffle"),
    ("warmup_steps", "warmup"),
    ("clip_norm", "clip_norm"),
    ("precision", "precision"),
    ("optimizer.name", "optimizer"),
    ("optimizer.momentum", "momentum"),
    ("optimizer.weight_decay", "weight_decay"),
    ("schedule.name", "schedule"),
    ("schedule.learning_rate", "lr"),
    ("schedule.factor", "lr_factor"),
    ("schedule.every", "lr_every_steps"),
    ("table.separator", "separator"),
    ("table.decimal", "decimal"),
    ("table.encoding", "encoding"),
    ("table.no_header", "no_header"),
    ("table.features", "features"),
    ("table.drop", "drop"),
    ("table.one_hot", "one_hot"),
    ("table.missing", "missing"),
    ("table.missing_values", "missing_values"),
    ("table.target_scale", "target_scale"),
    ("images.size", "image_size"),
    ("images.channels", "channels"),
    ("images.fit", "fit"),
    ("images.cache", "cache"),
];

/// Keys with the value that every run from the command line has: no option changes them.
const FIXED: [(&str, &str); 4] = [
    ("optimizer.beta1", "0.9"),
    ("optimizer.beta2", "0.999"),
    ("optimizer.epsilon", "0.00000001"),
    ("table.split", "hash"),
];

/// Keys that follow from others.
const DERIVED: [&str; 3] = ["schedule.initial", "schedule.rise", "schedule.steps"];

/// What a schedule's minimum is an option of; that of one cycle follows from its learning rate.
const MINIMUM: (&str, &str) = ("schedule.minimum", "lr_minimum");

/// The key of the kind of a network that is not described by `hidden`, and the start of those that describe it.
const ARCHITECTURE: &str = "architecture.name";
const LAYERS: &str = "architecture.config.";

/// The options that describe a network.
const NETWORK_OPTIONS: [&str; 4] = ["network", "hidden", "activation", "dropout"];

/// The options of a settings file.
#[derive(Debug, PartialEq)]
pub(crate) struct FromFile {
    /// To be appended to the command line.
    pub(crate) words: Vec<String>,
    /// Keys of the file that the command line overrides.
    pub(crate) overridden: Vec<String>,
}

/// Reads the file, or that of the run folder, at `path`; `given` says whether the command line has an option.
///
/// # Errors
/// [`Error::Io`]; [`Error::Config`] for a key that does not exist or that no option stands for.
pub(crate) fn read(path: &Path, given: &dyn Fn(&str) -> bool) -> Result<FromFile> {
    let path = if path.is_dir() { path.join(CONFIG) } else { path.to_path_buf() };
    let text = text(&path)?;
    let wrong = |reason: String| Error::Config { path: path.clone(), reason };
    let table: Table = toml::from_str(&text).map_err(|error| wrong(error.message().trim().to_owned()))?;
    let mut entries = Vec::new();
    flatten("", &table, &mut entries);
    options(&entries, &path, given).map_err(wrong)
}

fn text(path: &PathBuf) -> Result<String> {
    use std::io::Read;
    let file = open_regular_file(path).map_err(Error::io(path, "read"))?;
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(Error::io(path, "read"))?;
    Ok(text)
}

/// Entries of tables within, as `table.key`.
fn flatten(prefix: &str, table: &Table, entries: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => flatten(&format!("{name}."), inner, entries),
            value => entries.push((name, value.clone())),
        }
    }
}

/// The options that the entries of the file at `path` stand for.
fn options(
    entries: &[(String, Value)],
    path: &Path,
    given: &dyn Fn(&str) -> bool,
) -> std::result::Result<FromFile, String> {
    let mut found = FromFile { words: Vec::new(), overridden: Vec::new() };
    for (key, value) in entries {
        if key == ARCHITECTURE && value.as_str() == Some(Network::ARCHITECTURE) {
            if NETWORK_OPTIONS.into_iter().any(given) {
                found.overridden.push("architecture".to_owned());
            } else {
                found.words.push(format!("--network={}", path.display())); // which reads the layers there
            }
            continue;
        }
        if key.starts_with(LAYERS) && has_layers(entries) {
            continue;
        }
        let Some(option) = option(key) else {
            check_fixed(key, value)?;
            continue;
        };
        if given(option) {
            found.overridden.push(key.clone());
        } else if applies(key, value, entries, given) {
            found.words.extend(words(option, value));
        }
    }
    Ok(found)
}

/// Whether the settings are of a run that was trained from a network file.
fn has_layers(entries: &[(String, Value)]) -> bool {
    entries.iter().any(|(key, value)| key == ARCHITECTURE && value.as_str() == Some(Network::ARCHITECTURE))
}

fn option(key: &str) -> Option<&'static str> {
    let same = SAME.into_iter().find(|name| *name == key);
    same.or_else(|| {
        OTHERS.into_iter().chain([MINIMUM]).find(|(name, _)| *name == key).map(|(_, option)| option)
    })
}

/// Whether a key is still meant where the command line chooses another dataset, optimizer or schedule, and where the file's own does
/// not have it.
fn applies(key: &str, value: &Value, entries: &[(String, Value)], given: &dyn Fn(&str) -> bool) -> bool {
    let of_file =
        |name: &str| entries.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_str());
    let has_own_parts =
        of_file("dataset").is_some_and(|name| name.starts_with("csv:") || name.starts_with("folder:"));
    match key {
        "hidden" | "activation" | "dropout" => !has_layers(entries) && !given("network"),
        "data_dir" => value.as_str().is_some_and(|folder| Path::new(folder).is_dir()),
        "test_fraction" => has_own_parts && !given("dataset"),
        "label" | "class_weights" => !given("dataset"),
        "optimizer.momentum" => !given("optimizer"),
        "optimizer.weight_decay" => !given("optimizer"),
        "schedule.minimum" => of_file("schedule.name") == Some("cosine") && !given("schedule"),
        "schedule.factor" => !given("schedule"),
        "schedule.every" => !given("schedule") && !given("lr_every"),
        key if key.starts_with("table.") || key.starts_with("images.") => !given("dataset"),
        _ => true,
    }
}

/// An option with its value; nothing for a switch that is off.
fn words(option: &str, value: &Value) -> Option<String> {
    let name = format!("--{}", option.replace('_', "-"));
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (option, value) {
        ("no_shuffle", Value::Boolean(shuffle)) => (!shuffle).then_some(name),
        ("no_header", Value::Boolean(is_absent)) => is_absent.then_some(name),
        ("hidden", Value::Array(units)) if units.is_empty() => Some(format!("{name}=none")),
        (_, Value::Array(values)) => {
            let between = if option == "image_size" { "x" } else { "," };
            Some(format!("{name}={}", values.iter().map(text).collect::<Vec<_>>().join(between)))
        }
        (_, value) => Some(format!("{name}={}", text(value))),
    }
}

/// Refuses a key that is not known, or whose value no option can give.
fn check_fixed(key: &str, value: &Value) -> std::result::Result<(), String> {
    if DERIVED.contains(&key) {
        return Ok(());
    }
    let Some((_, fixed)) = FIXED.into_iter().find(|(name, _)| *name == key) else {
        if key.starts_with("architecture.") {
            return Err(
                "it is of a run with a network of its own (`architecture`), which `train` does not have"
                    .to_owned(),
            );
        }
        return Err(format!("there is no setting `{key}`{}", suggestion(key)));
    };
    let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let same = found == fixed || found.parse::<f64>().ok().is_some_and(|number| fixed.parse() == Ok(number));
    if same { Ok(()) } else { Err(format!("`{key}` is always {fixed} in runs of `train`, found {found}")) }
}

/// `; did you mean …?`, if a setting's name is like this one.
fn suggestion(key: &str) -> String {
    let names = SAME.into_iter().chain(OTHERS.into_iter().chain([MINIMUM]).map(|(name, _)| name));
    nearest(key, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn of(text: &str, given: &[&str]) -> std::result::Result<FromFile, String> {
        let mut entries = Vec::new();
        flatten("", &toml::from_str(text).unwrap(), &mut entries);
        options(&entries, Path::new("run/config.toml"), &|option| given.contains(&option))
    }

    #[test]
    fn every_option_is_one_of_train() {
        let command = crate::cli::Cli::command();
        let train = command.find_subcommand("train").unwrap();
        let options = SAME.into_iter().chain(OTHERS.into_iter().chain([MINIMUM]).map(|(_, option)| option));
        for option in options {
            assert!(train.get_arguments().any(|argument| argument.get_id() == option), "{option}");
        }
    }

    #[test]
    fn each_key_becomes_its_option() {
        let text = "hidden = [256, 64]\nshuffle = false\nwarmup_steps = 5\nmax_steps = 9\n[optimizer]\nname = \"sgd\"\nmomentum = 0.9\n\
                    [images]\nsize = [8, 12]\n[schedule]\nname = \"cosine\"\nlearning_rate = 0.1\nminimum = 0.001\nsteps = 7\n";
        let mut words = of(text, &[]).unwrap().words;
        words.sort();
        let expected = [
            "--hidden=256,64",
            "--image-size=8x12",
            "--lr-minimum=0.001",
            "--lr=0.1",
            "--max-steps=9",
            "--momentum=0.9",
            "--no-shuffle",
            "--optimizer=sgd",
            "--schedule=cosine",
            "--warmup=5",
        ];
        assert_eq!(words, expected);
        assert_eq!(of("hidden = []\nshuffle = true", &[]).unwrap().words, ["--hidden=none"]);
    }

    #[test]
    fn the_command_line_wins_and_what_it_makes_meaningless_is_left_out() {
        let text = "epochs = 5\nlabel = \"y\"\ndataset = \"csv:a.csv\"\n[optimizer]\nname = \"sgd\"\nmomentum = 0.9\n";
        let found = of(text, &["epochs", "optimizer", "dataset"]).unwrap();
        assert_eq!((found.words, found.overridden.len()), (Vec::new(), 3));
    }

    #[test]
    fn a_network_of_layers_is_read_from_the_same_file_unless_another_is_described() {
        let text = "hidden = []\nactivation = \"relu\"\ndropout = 0.0\nseed = 3\n[architecture]\nname = \"layers\"\n\
                    [architecture.config]\nlayers = [{ linear = 8 }]\noutputs = 10\nsample_shape = [4]\n";
        let found = of(text, &[]).unwrap();
        assert_eq!(
            (found.words, found.overridden.len()),
            (words(&["--network=run/config.toml", "--seed=3"]), 0)
        );
        let found = of(text, &["network"]).unwrap();
        assert_eq!((found.words, found.overridden), (words(&["--seed=3"]), words(&["architecture"])));
        let found = of(text, &["hidden"]).unwrap();
        assert_eq!(
            (found.words, found.overridden),
            (words(&["--seed=3"]), words(&["architecture", "hidden"]))
        );
        let found = of("hidden = [8]\ndropout = 0.5\nseed = 3", &["network"]).unwrap();
        assert_eq!(found.words, ["--seed=3"]);
        let own = of("[architecture]\nname = \"residual\"\n[architecture.config]\nlayers = []", &[]);
        assert!(own.unwrap_err().contains("a network of its own"));
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn what_is_misspelt_or_cannot_be_had_is_named() {
        assert_eq!(
            of("batchsize = 64", &[]).unwrap_err(),
            "there is no setting `batchsize`; did you mean `batch_size`?"
        );
        assert_eq!(
            of("[schedule]\nlearning_rat = 1", &[]).unwrap_err(),
            "there is no setting `schedule.learning_rat`; did you mean `schedule.learning_rate`?"
        );
        assert_eq!(of("zzz = 1", &[]).unwrap_err(), "there is no setting `zzz`");
        assert!(of("[optimizer]\nbeta1 = 0.8", &[]).unwrap_err().contains("always 0.9"));
        assert!(of("[optimizer]\nbeta1 = 0.9\nepsilon = 1e-8", &[]).is_ok());
    }
}
