//! Sessions: blocks marked `console`, run line by line in one folder per page, and compared with what is shown.
//!
//! A line `...` matches any lines, and ` …` at the end of a line matches the rest of it. Measurements (losses, seconds,
//! samples per second, memory of the process, the time in a run's name) may be any number; accuracies may differ by a
//! percentage point, as they do between processor types; rounding errors, written like 1.2e-7, may be any below a
//! millionth. Everything else must match exactly. A command must succeed unless `error:` is shown.

use std::fs;
use std::io::{Read, Seek};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::examples;
use super::markdown::{Block, Page};

/// Programs a session may use besides plangrad.
const HARMLESS: [&str; 5] = ["cat", "cmp", "grep", "ls", "sha256sum"];

/// Largest difference of two accuracies, in percentage points.
const ACCURACY: f64 = 1.0;

/// Largest rounding error.
const ROUNDING: f64 = 1e-6;

/// Runs the sessions of a page in one folder; returns the differences from what is shown.
pub(crate) fn check(page: &Page) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut differences = Vec::new();
    for block in page.blocks() {
        let place = format!("{}:{}", page.name(), block.line);
        if let Some(file) = block.notes().find_map(|note| note.strip_prefix("file ")) {
            fs::write(folder.path().join(file), block.lines.join("\n") + "\n").unwrap();
        }
        if block.language == "console" {
            differences.extend(
                check_block(&block, folder.path()).into_iter().map(|text| format!("{place}: {text}")),
            );
        }
    }
    differences
}

fn check_block(block: &Block<'_>, folder: &Path) -> Vec<String> {
    let vary = block.notes().any(|note| note == "numbers vary");
    let data = match block.notes().find_map(|note| note.strip_prefix("needs ")).map(data) {
        None => None,
        Some(Ok(data)) => Some(data),
        Some(Err(reason)) => {
            eprintln!("SKIPPED: {} ({reason})", block.lines[0]);
            return Vec::new();
        }
    };
    let link = folder.join("data");
    if let Some(data) = &data {
        symlink(data, &link).unwrap();
    }
    let differences = steps(block).iter().filter_map(|step| step.check(folder, vary).err()).collect();
    if data.is_some() {
        fs::remove_file(&link).unwrap();
    }
    differences
}

/// The folder with the real data, if it has what is needed.
fn data(need: &str) -> Result<PathBuf, String> {
    if need == "network" {
        return Err("it needs the network".to_owned());
    }
    let folder = std::env::var_os("PLANGRAD_DATA").map(PathBuf::from).ok_or("PLANGRAD_DATA is not set")?;
    let there = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names = there.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.any(|name| name.replace('-', "").starts_with(&need.replace('-', ""))) {
        true => Ok(fs::canonicalize(folder).unwrap()),
        false => Err(format!("{} has no {need}", folder.display())),
    }
}

/// A command and what is shown of its output.
struct Step<'a> {
    command: &'a str,
    shown: Vec<&'a str>,
}

fn steps<'a>(block: &Block<'a>) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    for &line in &block.lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command, shown: Vec::new() }),
            (None, Some(step)) => step.shown.push(line),
            (None, None) => panic!("line {}: a session begins with `$ `", block.line),
        }
    }
    steps
}

impl Step<'_> {
    fn check(&self, folder: &Path, vary: bool) -> Result<(), String> {
        let (succeeded, output) = run(self.command, folder);
        let should = !self.shown.iter().any(|line| line.starts_with("error: "));
        let lines: Vec<&str> = output.lines().collect();
        let said = shortened(&lines);
        let difference = |problem: String| Err(format!("$ {}\n{problem}; it said:\n{said}", self.command));
        if succeeded != should {
            return difference(format!("{} was expected", if should { "success" } else { "an error" }));
        }
        match_lines(&self.shown, &lines, vary)
            .or_else(|missing| difference(format!("`{missing}` is not there")))
    }
}

/// The first and the last lines of an output.
fn shortened(lines: &[&str]) -> String {
    const ENDS: usize = 15;
    match lines.len() > 2 * ENDS {
        true => format!("{}\n...\n{}", lines[..ENDS].join("\n"), lines[lines.len() - ENDS..].join("\n")),
        false => lines.join("\n"),
    }
}

/// Runs a command line; returns whether it succeeded and its interleaved standard output and error.
fn run(command: &str, folder: &Path) -> (bool, String) {
    if let Some(example) = command.strip_prefix("cargo run --release --example ") {
        return (true, examples::output(example));
    }
    let command = command.replace("cargo run --release -- ", "plangrad ");
    let program = command.split(' ').next().unwrap_or_default();
    assert!(program == "plangrad" || HARMLESS.contains(&program), "a session may not run `{program}`");
    let binaries = Path::new(env!("CARGO_BIN_EXE_plangrad")).parent().unwrap();
    let path =
        std::env::join_paths([binaries.into(), PathBuf::from("/usr/bin"), PathBuf::from("/bin")]).unwrap();
    let mut output = tempfile::tempfile().unwrap();
    let status = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .env("PLANGRAD_DEVICE", "cpu")
        .env_remove("PLANGRAD_DATA")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output.try_clone().unwrap())
        .status()
        .unwrap();
    let mut text = String::new();
    output.rewind().unwrap();
    output.read_to_string(&mut text).unwrap();
    (status.success(), text)
}

/// Whether `found` is what is `shown`, `...` standing for any lines; else the first line that is missing.
fn match_lines(shown: &[&str], found: &[&str], vary: bool) -> Result<(), String> {
    let found: Vec<&str> = found.iter().copied().filter(|line| !vary || !is_remark(line)).collect();
    let mut rest = found.as_slice();
    let mut anywhere = false;
    for (i, &line) in shown.iter().enumerate() {
        if line == "..." {
            anywhere = true;
            continue;
        }
        // The last lines shown are the last there are, however often they occur before.
        let last = anywhere && !shown[i..].contains(&"...");
        let start = if last { rest.len().saturating_sub(shown.len() - i) } else { 0 };
        let place = rest[start..].iter().position(|found| same(line, found, vary)).map(|place| start + place);
        match place {
            Some(place) if place == 0 || anywhere => rest = &rest[place + 1..],
            _ => return Err(line.to_owned()),
        }
        anywhere = false;
    }
    if anywhere || rest.is_empty() { Ok(()) } else { Err(format!("the end (instead of {})", rest[0])) }
}

/// Whether a line explains a mark on a measurement, which a busy machine earns and an idle one does not.
fn is_remark(line: &str) -> bool {
    line.starts_with("* ")
}

/// Whether two lines are equal except for measurements; with `vary` except for all numbers, marks and bars.
fn same(shown: &str, found: &str, vary: bool) -> bool {
    let words = |line: &str| -> Vec<String> {
        let words = line.split_whitespace().map(|word| without_time(unit(word)));
        words.filter(|word| !vary || !word.chars().all(|c| matches!(c, '#' | '*'))).collect()
    };
    let (mut shown, mut found) = (words(shown), words(found));
    if shown.last().is_some_and(|word| word == "…") {
        shown.pop();
        found.truncate(shown.len());
    }
    let number = |word: &str| word == "·" || (word.contains(|c: char| c.is_ascii_digit()) && vary);
    shown.len() == found.len()
        && shown.iter().zip(&found).enumerate().all(|(i, (a, b))| {
            let before = |n: usize| i.checked_sub(n).map_or("", |place| shown[place].as_str());
            let after = shown.get(i + 1).map_or("", |word| word.trim_end_matches([',', ';', ')']));
            a == b || (number(a) && number(b)) || measured(before, after, a, b)
        })
}

/// Whether `a` and `b` measure the same quantity, by the surrounding words.
fn measured<'a>(before: impl Fn(usize) -> &'a str, after: &str, a: &str, b: &str) -> bool {
    let value = |word: &str| word.replace(',', "").trim_end_matches([';', ')']).parse::<f64>().ok();
    let rounding = a.contains('e') && b.contains('e');
    let (Some(a), Some(b)) = (value(a), value(b)) else { return false };
    if rounding {
        return a <= ROUNDING && b <= ROUNDING;
    }
    match (before(2), before(1), after) {
        (_, "accuracy", _) => (a - b).abs() <= ACCURACY,
        (_, "loss", _) | ("process", "peak", _) | (_, _, "s" | "samples/s") => true,
        _ => false,
    }
}

/// Seconds and fractions of a second count as the same unit.
fn unit(word: &str) -> &str {
    match word {
        "ms" | "µs" => "s",
        word => word,
    }
}

/// `runs/digits-TIME/…` of `runs/digits-20261121-185959/…`.
fn without_time(word: &str) -> String {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match shape.find("-00000000-000000") {
        Some(place) => format!("{}-TIME{}", &word[..place], &word[place + 16..]),
        None => word.to_owned(),
    }
}

#[test]
fn omitted_lines_match_anything_and_all_others_in_order() {
    let found = ["a", "b", "c", "d", "c"];
    for shown in [
        &["a", "...", "c"][..],
        &["...", "b", "c", "..."],
        &["a", "b", "c", "d", "c"],
        &["..."],
        &["...", "c"],
    ] {
        assert_eq!(match_lines(shown, &found, false), Ok(()), "{shown:?}");
    }
    for shown in [
        &["a", "c", "..."][..],
        &["...", "c", "b", "..."],
        &["a", "b", "c"],
        &["...", "d"],
        &[],
        &["b", "..."],
    ] {
        assert!(match_lines(shown, &found, false).is_err(), "{shown:?}");
    }
}

#[test]
fn measurements_may_differ_and_nothing_else() {
    let same = |a, b| same(a, b, false);
    assert!(same(
        "loss 0.1, accuracy 97.28 %; 0.2 s, 96,234 samples/s",
        "loss 0.3, accuracy 96.90 %; 1.5 s, 9 samples/s"
    ));
    assert!(same("saved as runs/digits-20261121-190447/x", "saved as runs/digits-20271231-235959/x"));
    assert!(same("1.5 s + 8.0 ms test", "0.9 s + 0.1 s test"));
    assert!(same("error: long …", "error: long and more"));
    assert!(same("off by 1.4e-7", "off by 9.0e-8"));
    for (a, b) in [
        ("accuracy 97.28 %", "accuracy 93.00 %"),
        ("101,770 parameters", "101,771 parameters"),
        ("memory planned 1.82 MiB", "memory planned 1.83 MiB"),
        ("loss 0.1", "loss NaN%"),
        ("error: long …", "error: short"),
        ("off by 1.4e-7", "off by 1.4e-2"),
        ("off by 1.4e-7", "off by 0.1"),
    ] {
        assert!(!same(a, b), "{a} / {b}");
    }
}

#[test]
fn where_numbers_vary_words_must_match() {
    assert!(same("4   84.00 %  ######", "7 99.1 % ##", true) && same("0 395 · 1", "0 394 1 ·", true));
    assert!(!same("class 4, as labelled", "class 4, not 6", true));
}
