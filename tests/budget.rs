//! `--memory-budget`: what fits trains, one byte less is refused, and a refusal changes nothing.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{command, files, finish, refusal, run};

/// The planned bytes that `train` reports with these options.
fn planned(folder: &Path, options: &str) -> u64 {
    let train = format!("train {options} --max-steps 1 --out planned --overwrite --format json");
    let bytes = run(folder, &train).objects()[0]["planned_bytes"].as_u64().unwrap();
    fs::remove_dir_all(folder.join("planned")).unwrap();
    bytes
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Every file below `folder` with its contents.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = files(folder).into_iter().filter(|path| path.is_file());
    all.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_budget_of_exactly_the_planned_bytes_trains_and_one_byte_less_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        "--dataset digits",
        "--dataset digits --hidden 32,16 --activation gelu --dropout 0.1 --optimizer sgd --batch-size 17",
        "--dataset digits --hidden none --batch-size 1 --eval-batch-size 500",
    ] {
        let bytes = planned(folder.path(), options);
        let enough = format!(
            "train {options} --max-steps 1 --out enough --overwrite --memory-budget {bytes} --format json"
        );
        let events = run(folder.path(), &enough).objects();
        assert_eq!(events[2]["measured_bytes"].as_u64(), Some(bytes), "{options}");
        let before = files(folder.path());
        let short = format!("train {options} --device cpu --out short --memory-budget {}", bytes - 1);
        let sentence = refusal(folder.path(), &words(&short), 1);
        assert!(sentence.starts_with("out of memory on cpu: training on batches of "), "{sentence}");
        assert_eq!(files(folder.path()), before, "nothing was written");
    }
}

#[test]
fn the_refusal_names_the_bytes_and_the_largest_batch_which_then_trains() {
    let folder = tempfile::tempdir().unwrap();
    let sentence = refusal(
        folder.path(),
        &words("train --dataset digits --batch-size 2048 --memory-budget 2MiB --on-oom error"),
        1,
    );
    let said = "out of memory on cpu: training on batches of 2048 needs ";
    assert!(
        sentence.starts_with(said) && sentence.contains("2,097,152 of 2,097,152 bytes are free"),
        "{sentence}"
    );
    let largest = sentence.split("take --batch-size ").nth(1).unwrap().split(',').next().unwrap();
    let largest: usize = largest.parse().unwrap();
    let train = |batch_size| {
        let arguments = "train --dataset digits --device cpu --max-steps 1 --memory-budget 2MiB --overwrite --out fits --batch-size";
        run(folder.path(), &format!("{arguments} {batch_size}"))
    };
    train(largest).succeeded();
    assert_eq!(train(largest + 1).code, 1);
}

#[test]
fn where_no_batch_fits_another_remedy_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let sentence = refusal(folder.path(), &words("train --dataset digits --memory-budget 0"), 1);
    assert!(
        sentence.ends_with("not even a batch of 1 fits; take a smaller network, or raise --memory-budget")
    );
    let evaluation = "train --dataset digits --memory-budget 2MiB --eval-batch-size 4000";
    let sentence = refusal(folder.path(), &words(evaluation), 1);
    assert!(sentence.contains("take a smaller --eval-batch-size"), "{sentence}");
}

#[test]
fn json_errors_have_a_kind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    let run = finish(command.args(words("train --dataset digits --memory-budget 1KiB --format json")));
    let error: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, error["kind"].as_str()), (1, Some("out-of-memory")));
}

#[test]
fn a_run_that_no_longer_fits_is_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --max-steps 3 --out run").succeeded();
    let before = contents(folder.path());
    for arguments in [
        "train --resume run --epochs 9 --memory-budget 1MiB",
        "train --dataset digits --out run --overwrite --memory-budget 1MiB",
        "eval run --memory-budget 100KiB",
        "predict run --index 0 --memory-budget 100KiB",
    ] {
        refusal(folder.path(), &words(arguments), 1);
        assert_eq!(contents(folder.path()), before, "{arguments}");
    }
    run(folder.path(), "train --resume run --max-steps 5 --memory-budget 2MiB").succeeded();
}

#[cfg(target_os = "linux")]
#[test]
fn within_any_limit_on_its_address_space_a_command_works_or_ends_in_a_sentence() {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden 4 --max-steps 1 --out it").succeeded();
    let program = support::command(folder.path()).get_program().to_owned();
    let arguments = [
        "train --dataset digits --hidden 64 --max-steps 2 --overwrite --out new",
        "train --dataset digits --hidden 1024,512 --max-steps 1 --overwrite --out big",
        "train --resume it --max-steps 2",
        "fit --dataset digits --hidden 64 --max-batch 512",
        "sweep --dataset digits --batch-sizes 512 --hidden 8",
        "eval it",
        "plan --input 1,28,28 --classes 10",
    ];
    for mebibytes in [48, 64, 80, 96, 128, 256] {
        for arguments in arguments {
            let limited = format!("ulimit -v {}; exec \"$0\" {arguments}", mebibytes << 10);
            let mut command = Command::new("sh");
            command.args(["-c", &limited]).arg(&program).current_dir(folder.path());
            let run = finish(command.env("PLANGRAD_DEVICE", "cpu"));
            let says_why = run.code == 0 || run.stderr.contains("error: ");
            assert!((0..=1).contains(&run.code) && says_why, "{mebibytes} MiB, {arguments}: {run:?}");
        }
    }
}

#[test]
fn an_evaluation_uses_the_given_batch_size() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --max-steps 3 --out run").succeeded();
    let refused = "eval run --memory-budget 700KiB --batch-size 1000";
    let sentence = refusal(folder.path(), &words(refused), 1);
    let largest = sentence.split("take --batch-size ").nth(1).unwrap().split(',').next().unwrap();
    let eval = |options: &str| run(folder.path(), &format!("eval run --format json {options}"));
    let within = eval(&format!("--memory-budget 700KiB --batch-size {largest}")).object();
    let (whole, by_itself) = (eval("").object(), eval("--memory-budget 700KiB").object());
    assert_eq!(
        by_itself["planned_bytes"], within["planned_bytes"],
        "it takes the largest that fits by itself"
    );
    let result = |of: &Value| [&of["loss"], &of["accuracy"], &of["confusion"]].map(Value::clone);
    assert_eq!(result(&within), result(&whole), "the result does not depend on the batch");
    for evaluated in [&within, &whole, &by_itself] {
        assert_eq!(evaluated["planned_bytes"], evaluated["measured_bytes"]);
    }
    assert!(within["planned_bytes"].as_u64().unwrap() <= 700 << 10);
}

#[test]
fn impossible_sizes_are_refused_without_trying() {
    let folder = tempfile::tempdir().unwrap();
    let sentence = run(folder.path(), "train --dataset digits --hidden 16777216,16777216").refused(1);
    assert!(sentence.starts_with("out of memory on cpu: "), "{sentence}");
}

#[test]
fn units_are_named_for_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let train = |size: &str| {
        let arguments =
            format!("train --dataset digits --max-steps 1 --out run --overwrite --memory-budget {size}");
        run(folder.path(), &arguments)
    };
    let decimal = train("2MB");
    assert!(
        decimal.stderr.contains("--memory-budget 2MB is 2,000,000 bytes, in units of 1000s"),
        "{decimal:?}"
    );
    assert!(!train("2MiB").stderr.contains("--memory-budget"));
    let sentence = refusal(folder.path(), &words("train --memory-budget 8M"), 2);
    assert!(
        sentence.starts_with("--memory-budget: expected a number of bytes or a size such as 8MiB"),
        "{sentence}"
    );
}

#[test]
fn a_budget_that_the_machine_does_not_have_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let options = "train --dataset digits --hidden 4 --max-steps 1 --out run --memory-budget 1000TiB";
    let run = run(folder.path(), options);
    let warning = "warning: --memory-budget 1000.00 TiB is more than the ";
    assert!(run.stderr.starts_with(warning) && run.code == 0, "{run:?}");
}
