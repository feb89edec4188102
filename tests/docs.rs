//! The documents are correct: their sessions run, their links resolve, and the options, commands, folders and figures they
//! name exist.
//!
//! An HTML comment directly above a fenced block configures its test; CONTRIBUTING.md lists them.

#![cfg(unix)] // sessions are run by a shell

#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/languages.rs"]
mod languages;
#[path = "docs/lessons.rs"]
mod lessons;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/sessions.rs"]
mod sessions;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use markdown::{Page, pages, root};
use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::{DType, Gradients, Inputs, Optimizer, Plan, SampleFormat, Schedule, Shape};

#[test]
fn the_sessions_in_the_documents_run_as_shown() {
    let differences: Vec<String> = guide().iter().flat_map(sessions::check).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in page.links() {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.path.clone() } else { page.folder().join(file) };
            if !target.exists() {
                broken.push(format!("{}: {link} leads nowhere", page.name()));
            } else if !heading.is_empty()
                && !Page::read(&target).headings().iter().any(|found| found == heading)
            {
                broken.push(format!("{}: {link} has no such heading", page.name()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// With `PLANGRAD_COPY_BLOCKS` set, blocks of translations are first replaced by those of the English pages.
#[test]
fn a_translation_has_the_blocks_the_code_the_numbers_and_the_links_of_its_english_page() {
    if std::env::var_os("PLANGRAD_COPY_BLOCKS").is_some() {
        languages::pairs().iter().for_each(languages::Pair::copy_blocks);
    }
    let differences: Vec<String> = languages::pairs().iter().flat_map(languages::Pair::differences).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_page_and_its_translation_lead_to_each_other() {
    let pairs = languages::pairs();
    assert!(pairs.len() >= 5, "only {} pages are translated", pairs.len());
    let missing: Vec<String> = pairs.iter().flat_map(languages::Pair::switches).collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_command_and_option_in_the_documents_exists() {
    let options = options_of_commands();
    let all: BTreeSet<&String> = options.values().flatten().collect();
    let mut unknown = Vec::new();
    for page in pages() {
        for code in page.code() {
            let Some(words) = ours(&code) else { continue };
            let command = words.iter().find(|word| !word.starts_with('-'));
            let known: BTreeSet<&String> = match command.and_then(|command| options.get(*command)) {
                Some(options) => options.iter().collect(),
                None if words[0].starts_with('-') || words[0].starts_with(|c: char| c.is_uppercase()) => {
                    all.clone()
                }
                None => {
                    unknown.push(format!("{}: no command in `{code}`", page.name()));
                    continue;
                }
            };
            let named = words.iter().filter_map(|word| option(word));
            unknown.extend(
                named
                    .filter(|name| !known.contains(name))
                    .map(|name| format!("{}: {name} in `{code}`", page.name())),
            );
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn the_readmes_table_lists_the_commands_there_are() {
    let readme = Page::read(&root().join("README.md"));
    let rows = readme.text.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', ' ']).next());
    let listed: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(listed, options_of_commands().into_keys().collect());
}

#[test]
fn the_code_map_names_exactly_the_existing_folders() {
    let page = Page::read(&root().join("ARCHITECTURE.md"));
    let named: BTreeSet<String> = page.code().into_iter().filter(|code| is_path(code)).collect();
    let missing: Vec<&String> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "named but not there: {missing:?}");
    let mut folders = Vec::new();
    for crate_folder in subfolders(&root().join("crates")) {
        folders.extend(subfolders(&crate_folder.join("src")));
        folders.push(crate_folder);
    }
    let absent = folders.iter().map(|folder| format!("{}/", folder.strip_prefix(root()).unwrap().display()));
    let absent: Vec<String> = absent.filter(|folder| !named.contains(folder)).collect();
    assert!(absent.is_empty(), "there but not named: {absent:?}");
}

#[test]
fn the_step_and_the_memory_that_the_architecture_shows_are_the_planned_ones() {
    let plan = lessons_step(64);
    let stages = plan.describe().into_iter().enumerate();
    let stages: Vec<String> =
        stages.map(|(i, kernels)| format!("{}  {}", i + 1, kernels.join(" | "))).collect();
    let page = Page::read(&root().join("ARCHITECTURE.md"));
    let block = |note: &str| {
        let block = page.blocks().into_iter().find(|block| block.notes().any(|found| found == note));
        block.unwrap_or_else(|| panic!("no block is marked `{note}`")).lines.join("\n")
    };
    assert_eq!(block("stages"), stages.join("\n"));
    assert_eq!(block("memory"), plan.report().to_string());
}

#[test]
fn the_changelog_has_an_entry_for_this_version() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(text.contains(&format!("## [{}]", env!("CARGO_PKG_VERSION"))), "no section of this version");
}

#[test]
fn the_benchmarks_have_the_marks_between_which_figures_are_written() {
    let text = fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
    let marks: Vec<&str> = text.lines().filter(|line| line.starts_with("<!-- ")).collect();
    let parts =
        ["mnist", "cifar10", "networks", "regression", "batches", "widths", "depths", "threads"].into_iter();
    let parts =
        parts.flat_map(|part| [format!("<!-- measured: {part} -->"), format!("<!-- end: {part} -->")]);
    let others = ["<!-- records -->", "<!-- end of records -->"];
    let of_gpu = ["<!-- measured on a gpu -->", "<!-- end of gpu -->"];
    let expected: Vec<String> =
        parts.chain([others, of_gpu].concat().into_iter().map(str::to_owned)).collect();
    assert_eq!(marks, expected);
}

/// README and everything in `docs/`: the pages for users, in English.
fn guide() -> Vec<Page> {
    pages()
        .into_iter()
        .filter(|page| !languages::is_translated(&page.path))
        .filter(|page| page.name() == "README.md" || page.name().starts_with("docs/"))
        .collect()
}

/// The options of each command, from its help.
fn options_of_commands() -> BTreeMap<String, BTreeSet<String>> {
    let overview = help(&[]);
    let commands = overview.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands = commands
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let options = |command: &str| help(&[command]).split([' ', '\n']).filter_map(option).collect();
    commands.map(|command| (command.to_owned(), options(command))).collect()
}

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_plangrad"))
        .args(command)
        .args(["--help", "--lang=en"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `--lr` of `--lr=0.1` or `--lr,`.
fn option(word: &str) -> Option<String> {
    let name: String =
        word.chars().take_while(|c| c.is_ascii_lowercase() || matches!(c, '-' | '0'..='9')).collect();
    (name.len() > 2 && name.starts_with("--")).then_some(name)
}

/// The words after `plangrad`, if a piece of code is its command line or one of its options.
fn ours(code: &str) -> Option<Vec<&str>> {
    let code = code.strip_prefix("$ ").unwrap_or(code);
    let starts = ["plangrad ", "cargo run --release -- ", "cargo run -- "];
    let arguments = starts.iter().find_map(|start| code.strip_prefix(start));
    let arguments =
        arguments.or_else(|| code.strip_prefix("cargo xtask ").filter(|rest| rest.starts_with("download")));
    let arguments = arguments.or_else(|| code.starts_with("--").then_some(code))?;
    let words: Vec<&str> = arguments.split(['|', '>', '#', '&']).next()?.split_whitespace().collect();
    (!words.is_empty()).then_some(words)
}

fn is_path(code: &str) -> bool {
    let starts = ["crates/", "xtask/", "docs/", "tests/", "fuzz/", "bench/", "data/", ".ci/", ".cargo/"];
    starts.iter().any(|start| code.starts_with(start)) && !code.contains([' ', '*'])
}

fn subfolders(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

/// One step of the lessons' network on MNIST: 784-128-10, Adam.
fn lessons_step(batch_size: usize) -> Plan {
    let model = Mlp::new(&MlpConfig::new(&[1, 28, 28], 10).hidden(&[128])).unwrap();
    let samples = SampleFormat::new(Shape::new(&[1, 28, 28]).unwrap(), DType::U8)
        .normalized([0.012_728_1], [-0.424_213]);
    let task = Task::new(Arc::new(model), samples, Loss::CrossEntropy).unwrap();
    let task = task.with_gradients(Gradients::Consumed).with_inputs(Inputs::InPlace);
    let adam = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
    task.training_plan(adam, Schedule::Constant { learning_rate: 1e-3 }, batch_size).unwrap()
}
