//! Tables as people have them, through the program: honest test numbers, one pass, every row answered.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{plangrad, refusal, run};

/// A table of noise whose labels are coin flips: nothing can be learnt from it.
fn coin_flips() -> Vec<String> {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    (0..500)
        .map(|_| {
            let cells: Vec<String> =
                (0..20).map(|_| format!("{:.4}", (random() % 10_000) as f64 / 2500.0 - 2.0)).collect();
            format!("{},{}", cells.join(","), random() % 2)
        })
        .collect()
}

fn write(folder: &Path, rows: &[String]) {
    let names: Vec<String> = (0..20).map(|column| format!("f{column}")).collect();
    fs::write(folder.join("t.csv"), format!("{},y\n{}\n", names.join(","), rows.join("\n"))).unwrap();
}

#[test]
fn coin_flips_score_a_half_before_and_after_rows_are_added_sorted_and_moved() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = coin_flips();
    write(folder.path(), &rows);
    let options = "train --dataset csv:t.csv --epochs 40 --hidden 64 --lr 0.01 --out run";
    run(folder.path(), options).succeeded();
    let score = |arguments: &str| {
        let found = run(folder.path(), &format!("eval {arguments} --format json")).object();
        (found["accuracy"].as_f64().unwrap(), found["samples"].as_u64().unwrap())
    };
    let (before, samples) = score("run");
    assert!((0.4..0.6).contains(&before), "{before} of {samples}");
    rows.push(rows[0].clone());
    write(folder.path(), &rows);
    let (after, _) = score("run");
    assert!((0.4..0.6).contains(&after) && (after - before).abs() < 0.01, "{before}, then {after}");
    rows.pop();
    rows.sort();
    write(folder.path(), &rows);
    assert_eq!(score("run"), (before, samples));
    fs::rename(folder.path().join("t.csv"), folder.path().join("moved.csv")).unwrap();
    assert_eq!(score("run --dataset csv:moved.csv --split test"), (before, samples));
    let (learnt, others) = score("run --dataset csv:moved.csv --split train");
    assert!(learnt > 0.9 && others == 500 - samples, "{learnt} of {others}");
    fs::copy(folder.path().join("run/model.safetensors"), folder.path().join("alone.safetensors")).unwrap();
    let alone = ["eval", "alone.safetensors", "--dataset", "csv:moved.csv", "--split", "test"];
    assert!(
        refusal(folder.path(), &alone, 2).contains("nothing says which rows of csv:moved.csv are for test")
    );
}

#[test]
fn a_table_whose_columns_are_moved_or_more_has_the_rows_that_were_learnt_from() {
    let folder = tempfile::tempdir().unwrap();
    let rows = coin_flips();
    write(folder.path(), &rows);
    run(folder.path(), "train --dataset csv:t.csv --epochs 2 --hidden 4 --drop f3 --out run").succeeded();
    let before = run(folder.path(), "eval run --format json").object();
    let moved = |row: &str| {
        let cells: Vec<&str> = row.split(',').collect();
        format!("{},new,{}", cells[11..].join(","), cells[..11].join(","))
    };
    let names: Vec<String> = (0..20).map(|column| format!("f{column}")).collect();
    let header = format!("{},y", names.join(","));
    let text: Vec<String> = [header].iter().chain(&rows).map(|row| moved(row)).collect();
    fs::write(folder.path().join("t.csv"), text.join("\n")).unwrap();
    let after = run(folder.path(), "eval run --format json");
    assert!(!after.stderr.contains("has changed"), "{after:?}");
    let after = after.object();
    for key in ["samples", "loss", "accuracy"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    let whole = run(folder.path(), "eval run --dataset csv:t.csv");
    assert!(whole.stderr.contains("the model learnt from"), "{whole:?}");
}

#[test]
fn a_run_keeps_how_its_table_was_read_and_is_resumed_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "n;kind;y\n1,5;u;a\n2;v;b\n;u;a\n4;v;b\n").unwrap();
    let options =
        "train --dataset csv:t.csv --missing mean --test-fraction 0 --hidden 4 --epochs 1 --out run";
    let trained = run(folder.path(), options);
    assert!(trained.stderr.contains("numbers are written with a decimal comma"), "{trained:?}");
    trained.succeeded();
    let config = fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    assert!(
        config.ends_with("[table]\none_hot = \"auto\"\nmissing = \"mean\"\nsplit = \"hash\"\n"),
        "{config}"
    );
    run(folder.path(), "train --resume run --epochs 2").succeeded();
    let given = refusal(folder.path(), &["train", "--resume", "run", "--missing", "drop"], 2);
    assert!(given.contains("--resume cannot be used with --missing"), "{given}");
    let answer = run(folder.path(), "predict run --values ,v --format json").object();
    assert!(answer["name"].is_string());
}

const ROWS: &str = "a,b,y\n1,2,x\n3,4,z\n5,6,x\n7,8,z\n";

/// A folder with a run on [`ROWS`].
fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.csv"), ROWS).unwrap();
    run(folder.path(), "train --dataset csv:train.csv --test-fraction 0 --epochs 1 --hidden 4 --out run")
        .succeeded();
    folder
}

#[test]
fn every_row_is_answered_with_or_without_a_label() {
    let folder = trained();
    fs::write(folder.path().join("new.csv"), "b,a\n2,1\n4,3\n6,5\n").unwrap();
    let answers = run(folder.path(), "predict run --dataset csv:new.csv --format json").objects();
    assert_eq!(
        answers.iter().map(|line| &line["index"]).collect::<Vec<_>>(),
        [&json!(0), &json!(1), &json!(2)]
    );
    let alone = run(folder.path(), "predict run --values 3,4 --format json").object();
    assert_eq!((&answers[1]["probabilities"], &answers[1]["label"]), (&alone["probabilities"], &Value::Null));
    let one = run(folder.path(), "predict run --dataset csv:new.csv --index 1 --format json").object();
    assert_eq!(one["probabilities"], alone["probabilities"]);
    let values = run(folder.path(), "predict run --values 1,2 --values 3,4 --format json").objects();
    assert_eq!((values.len(), &values[1]["probabilities"]), (2, &alone["probabilities"]));

    let evaluated = run(folder.path(), "predict run --dataset csv:train.csv --out answers.csv").succeeded();
    assert!(evaluated.starts_with("4 predictions written to answers.csv\naccuracy  "), "{evaluated}");
    let written = fs::read_to_string(folder.path().join("answers.csv")).unwrap();
    let lines: Vec<Vec<&str>> = written.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["index", "class", "p_x", "p_z", "label"]);
    assert_eq!((lines.len(), lines[4][0], lines[4][4]), (5, "3", "z"));
    let accuracy =
        run(folder.path(), "eval run --dataset csv:train.csv --format json").object()["accuracy"].clone();
    let right = lines[1..].iter().filter(|line| line[1] == line[4]).count();
    assert_eq!(accuracy, json!(right as f64 / 4.0));
}

#[test]
fn a_row_that_lacks_a_value_has_no_answer_and_the_others_do() {
    let folder = trained();
    fs::write(folder.path().join("new.csv"), "a,b\n1,2\n,4\n5,6\n").unwrap();
    let found = run(folder.path(), "predict run --dataset csv:new.csv --format json");
    assert!(found.stderr.contains("1 of 3 rows have a cell without a value"), "{found:?}");
    let lines = found.objects();
    assert_eq!((&lines[1]["class"], &lines[1]["index"]), (&Value::Null, &json!(1)));
    assert!(lines[0]["class"].is_u64() && lines[2]["class"].is_u64());
    let refused = refusal(folder.path(), &["eval", "run", "--dataset", "csv:new.csv"], 1);
    assert!(refused.contains("there is no column `y`"), "{refused}");
}

#[test]
fn the_columns_and_cells_of_a_passenger_list_are_told_what_to_do_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "PassengerId,Survived,Pclass,Name,Sex,Age\n".to_owned();
    for row in 0..80 {
        let (sex, age) =
            (["male", "female"][row % 2], if row % 5 == 0 { String::new() } else { (20 + row).to_string() });
        writeln!(text, "{},{},{},\"Doe, Mr. {row}\",{sex},{age}", row + 1, row % 2, row % 3).unwrap();
    }
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let train = [
        "train",
        "--dataset",
        "csv:t.csv",
        "--label",
        "Survived",
        "--out",
        "run",
        "--epochs",
        "30",
        "--lr",
        "0.05",
    ];
    let refused = refusal(folder.path(), &train, 1);
    assert!(
        refused
            .contains("column `Name`: found the text \"Doe, Mr. 0\", and the column has 80 different ones"),
        "{refused}"
    );
    let with = |more: &[&'static str]| train.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let refused = refusal(folder.path(), &with(&["--drop", "Name"]), 1);
    assert!(refused.contains("cells without a value in 80 rows: `Age` (16)"), "{refused}");
    let found = plangrad(folder.path(), with(&["--drop", "Name", "--missing", "mean"]));
    assert!(found.stderr.contains("the column `PassengerId` numbers the rows and was left out"), "{found:?}");
    found.succeeded();
    let test = run(folder.path(), "eval run --format json").object();
    assert_eq!(test["accuracy"], json!(1.0)); // who survived follows from Sex
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_a_read_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (command, signal) in [("train", "-TERM"), ("show", "-INT"), ("fit", "-TERM"), ("sweep", "-INT")] {
        let program = support::command(folder.path()).get_program().to_owned();
        // A shell that runs the tests in the background has them ignore SIGINT, and those whom they start.
        let mut child = std::process::Command::new("env")
            .args(["--default-signal=INT", "PLANGRAD_DEVICE=cpu"])
            .arg(program)
            .args([command, "--dataset", "csv:pipe"])
            .current_dir(folder.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Once a writer is there, the program has opened the pipe and waits for its text.
        let writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        support::send(signal, child.id());
        assert!(!child.wait().unwrap().success(), "{command}");
        drop(writer);
    }
}

#[test]
fn a_table_comes_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), ROWS).unwrap();
    let from = |text: &str| {
        fs::write(folder.path().join("t.csv"), text).unwrap();
        let input = fs::File::open(folder.path().join("t.csv")).unwrap();
        let arguments = "show --dataset csv:- --test-fraction 0 --count 4";
        support::finish(support::command(folder.path()).args(arguments.split(' ')).stdin(input))
    };
    assert!(from(ROWS).succeeded().ends_with("\n3  7  8  z\n"));
    assert!(from("a,b\n\n1,x\nbad,y\n").refused(1).starts_with("-: line 4, column `a`"));
}

#[test]
fn tables_with_many_columns_fit_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let columns = 5_000;
    let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
    let mut text = format!("{},y\n", names.join(","));
    for row in 0..10 {
        let cells: Vec<&str> =
            (0..columns).map(|column| if (row + column) % 3 > 0 { "1" } else { "0" }).collect();
        writeln!(text, "{},{}", cells.join(","), ["x", "z"][row % 2]).unwrap();
    }
    fs::write(folder.path().join("w.csv"), text).unwrap();
    let mut said = String::new();
    for arguments in [
        "train --dataset csv:w.csv --test-fraction 0 --hidden 4 --epochs 1 --out run",
        "eval run --split train",
        "show --dataset csv:w.csv --test-fraction 0 --count 2",
        "predict run --dataset csv:w.csv",
    ] {
        let found = run(folder.path(), arguments);
        assert_eq!(found.code, 0, "{found:?}");
        said += &found.stdout;
    }
    let longest = said.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 150, "{longest}"); // the line with the plan of a run, which no column makes longer
    let few = refusal(folder.path(), &["predict", "run", "--values", "1,2"], 2);
    assert!(few.len() < 160 && few.contains("and 4988 more"), "{few}");
}
