//! Running other programs and showing their command lines.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// The result of a task; the error is a sentence.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or(xtask.clone(), |root| root.to_path_buf())
}

/// The folder that Cargo builds in.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program to be run in the workspace's root.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a program to its end, with its output passed through.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = describe(&command);
    eprintln!("\n$ {line}");
    let status = command.status().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}")) }
}

/// What checks have left out so far, each with the reason.
static SKIPPED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says that a check is left out, and keeps it for the summary.
pub(crate) fn skip(what: &str) {
    eprintln!("SKIPPED: {what}");
    note(what);
}

fn note(what: &str) {
    SKIPPED.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned());
}

/// All that was left out.
pub(crate) fn skipped() -> BTreeSet<String> {
    SKIPPED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Runs tests with all their output shown, and keeps what they say they skip.
pub(crate) fn run_tests(mut command: Command) -> Result<()> {
    let line = describe(&command);
    eprintln!("\n$ {line}");
    let failed = |error| format!("cannot run `{line}`: {error}");
    let mut tests = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    for line in BufReader::new(tests.stdout.take().expect("piped")).split(b'\n') {
        let line = line.map_err(failed)?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(what) = line.strip_prefix("SKIPPED: ") {
            note(what);
        }
    }
    let status = tests.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}")) }
}

/// Runs a program and returns what it prints.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let line = describe(&command);
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` printed something that is not UTF-8"))
}

/// Runs a program and returns what it prints to standard error.
pub(crate) fn output_of_errors(mut command: Command) -> Result<String> {
    let line = describe(&command);
    let output = command.output().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("`{line}` ended with {}\n{text}", output.status))
    }
}

/// Builds a program; returns its path.
pub(crate) fn built(command: &[&str], target: &str) -> Result<PathBuf> {
    built_with(command, target, |_| {})
}

/// The same with further settings of Cargo.
pub(crate) fn built_with(command: &[&str], target: &str, set: impl FnOnce(&mut Command)) -> Result<PathBuf> {
    eprintln!("\n$ cargo {}", command.join(" "));
    let mut cargo = program("cargo", command);
    cargo.arg("--message-format=json-render-diagnostics");
    set(&mut cargo);
    executable(&output(cargo)?, target).ok_or_else(|| format!("cargo built no program for `{target}`"))
}

/// The program of a target in cargo's messages.
fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut paths = messages.filter_map(|message| {
        let is_it = message["target"]["name"] == target;
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    });
    paths.next()
}

/// Whether a program can be run at all.
pub(crate) fn exists(name: &str, arguments: &[&str]) -> bool {
    let status = program(name, arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn describe(command: &Command) -> String {
    let environment = command.get_envs().filter_map(|(key, value)| {
        Some(format!("{}={}", key.to_string_lossy(), shell(&value?.to_string_lossy())))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    environment.chain(words.map(|word| shell(&word.to_string_lossy()))).collect::<Vec<_>>().join(" ")
}

fn shell(word: &str) -> String {
    if word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn the_program_of_a_target_is_found_in_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"a"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"a"},"executable":"/x/a"}
{"reason":"compiler-artifact","target":{"name":"b"},"executable":"/x/b"}
no message
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "a"), Some("/x/a".into()));
        assert_eq!(executable(messages, "b"), Some("/x/b".into()));
        assert_eq!(executable(messages, "c"), None);
    }
}
