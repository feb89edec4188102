//! Two languages for people, one for programs.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn run(folder: &Path, locale: &str, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plangrad"));
    command.args(words).current_dir(folder).env("PLANGRAD_DEVICE", "cpu").env_remove("PLANGRAD_DATA");
    command.env_remove("LC_MESSAGES").env_remove("LANG");
    command.env("LC_ALL", locale).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The numbers of a text, but for times and speeds.
fn numbers(text: &str) -> Vec<String> {
    let is_number = |letter: char| letter.is_ascii_digit() || letter == ',' || letter == '.';
    let mut numbers: Vec<String> = text
        .split(|letter: char| !is_number(letter))
        .map(|number| number.trim_matches([',', '.']).to_owned())
        .filter(|number| !number.is_empty())
        .collect();
    numbers.sort();
    numbers
}

#[test]
fn plans_fits_and_evaluations_have_the_same_numbers_in_both_languages() {
    let folder = TempDir::new().unwrap();
    let train =
        ["train", "--dataset", "digits", "--max-steps", "3", "--no-report", "--out", "run", "--lang", "zh"];
    let trained = said(&run(folder.path(), "C", &train));
    for chinese in ["20,000 个样本用于学习", "训练损失", "测试准确率", "接下来：", "内存规划"]
    {
        assert!(trained.contains(chinese), "{chinese} in {trained}");
    }
    let commands: [&[&str]; 5] = [
        &["plan", "--dataset", "mnist", "--levers", "--memory-budget", "2MiB", "--optimizer", "sgd"],
        &["fit", "--dataset", "digits", "--memory-budget", "2MiB", "--no-speed"],
        &["show", "--dataset", "digits", "--index", "7"],
        &["predict", "run", "--index", "3"],
        &["predict", "run", "--worst", "2"],
    ];
    for command in commands {
        let [english, chinese] =
            ["C", "zh_CN.UTF-8"].map(|locale| said(&run(folder.path(), locale, command)));
        assert_eq!(numbers(&chinese), numbers(&english), "{english}\n{chinese}");
        assert!(english.is_ascii() || !english.contains('的'), "{english}");
        let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
        assert!(chinese.chars().filter(|&letter| is_chinese(letter)).count() > 3, "{chinese}");
    }
}

#[test]
fn the_option_wins_over_the_environment_and_help_obeys_it() {
    let folder = TempDir::new().unwrap();
    let help = |locale: &str, words: &[&str]| said(&run(folder.path(), locale, words));
    assert!(help("zh_CN.UTF-8", &["train", "--help"]).contains("用法：plangrad train"));
    assert!(help("zh_CN.UTF-8", &["train", "--help", "--lang", "en"]).contains("Usage: plangrad train"));
    assert!(help("C", &["--lang=zh", "help", "fit"]).contains("找出放得下的最大批次"));
    assert!(help("zh_CN.GBK", &["train", "--help"]).contains("Usage: plangrad train"));
}

#[test]
fn json_and_errors_are_the_same_in_every_language() {
    let folder = TempDir::new().unwrap();
    let plan = ["plan", "--dataset", "mnist", "--format", "json"];
    let wrong = ["train", "--dataset", "minst"];
    for words in [&plan[..], &wrong[..]] {
        let [english, chinese] = ["C", "zh_CN.UTF-8"].map(|locale| run(folder.path(), locale, words));
        assert_eq!((chinese.stdout, chinese.stderr), (english.stdout, english.stderr));
    }
}
