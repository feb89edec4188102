//! `train --config` takes a run's settings back: the same settings, and so the same model.

mod support;

use std::fs;
use std::path::Path;

use support::{plangrad, refusal, run, small_mnist};

/// Trains with these options, then again from the settings of that run, and compares settings and models.
fn train_twice(folder: &Path, options: &str) {
    run(folder, &format!("train {options} --out first --overwrite --no-report")).succeeded();
    run(folder, "train --config first/config.toml --out second --overwrite --no-report").succeeded();
    for file in ["config.toml", "model.safetensors"] {
        let [first, second] = ["first", "second"].map(|run| fs::read(folder.join(run).join(file)).unwrap());
        assert!(first == second, "{options}: {file} differs");
    }
}

#[test]
fn a_runs_settings_lead_to_the_same_model() {
    let folder = small_mnist();
    for options in [
        "--dataset mnist --epochs 1",
        "--dataset mnist --hidden 12,8 --activation gelu --dropout 0.1 --batch-size 50 --seed 7 --no-shuffle --max-steps 9",
        "--dataset mnist --hidden none --optimizer sgd --momentum 0.9 --weight-decay 0.01 --epochs 2 --schedule step --lr-factor 0.5",
        "--dataset mnist --hidden 8 --epochs 1 --schedule cosine --lr-minimum 0.0001 --warmup 5 --clip-norm 1 --label-smoothing 0.1",
        "--dataset mnist --hidden 8 --epochs 1 --schedule one-cycle --lr 0.01 --class-weights balanced --optimizer adamw",
        "--dataset mnist --hidden 8 --epochs 2 --validation-fraction 0.2 --keep best --best-by loss --patience 3 --normalize half",
    ] {
        train_twice(folder.path(), options);
    }
}

#[test]
fn settings_of_tables_are_taken_back_too() {
    let folder = tempfile::tempdir().unwrap();
    let row = |i: usize| format!("{};{};{},5;{}\n", i, ["red", "green"][i % 2], i % 7, 3 * i);
    let text = format!("n;colour;x;y\n{}", (0..80).map(row).collect::<String>());
    fs::write(folder.path().join("table.csv"), text).unwrap();
    train_twice(
        folder.path(),
        "--dataset csv:table.csv --loss mse --hidden 4 --drop n --test-fraction 0.3 --epochs 2",
    );
    train_twice(
        folder.path(),
        "--dataset csv:table.csv --label colour --separator ; --decimal , --features x,y --epochs 1",
    );
}

#[test]
fn the_command_line_wins_and_says_over_what() {
    let folder = small_mnist();
    run(folder.path(), "train --dataset mnist --hidden 8 --epochs 2 --seed 3 --out first --no-report")
        .succeeded();
    let second = run(folder.path(), "train --config first --epochs 1 --hidden 6 --out second --no-report");
    assert!(second.stderr.contains("settings of first, but for "), "{second:?}");
    assert!(second.stderr.contains("epochs") && second.stderr.contains("hidden"), "{second:?}");
    let config = fs::read_to_string(folder.path().join("second/config.toml")).unwrap();
    for line in ["epochs = 1", "hidden = [6]", "seed = 3"] {
        assert!(config.contains(line), "{config}");
    }
}

#[test]
fn a_file_may_have_a_few_settings_only() {
    let folder = small_mnist();
    fs::write(folder.path().join("few.toml"), "hidden = [5]\nmax_steps = 2\n").unwrap();
    run(folder.path(), "train --dataset mnist --config few.toml --out it").succeeded();
    let config = fs::read_to_string(folder.path().join("it/config.toml")).unwrap();
    assert!(config.contains("hidden = [5]") && config.contains("max_steps = 2"), "{config}");
}

#[test]
fn wrong_files_are_refused_with_the_reason() {
    let folder = small_mnist();
    let refused = |text: &str, code| {
        fs::write(folder.path().join("wrong.toml"), text).unwrap();
        refusal(folder.path(), &["train", "--dataset", "mnist", "--config", "wrong.toml"], code)
    };
    let message = refused("batchsize = 3", 1);
    assert!(message.contains("wrong.toml") && message.contains("did you mean `batch_size`?"), "{message}");
    assert!(refused("batch_size = 0", 2).contains("--batch-size"));
    assert!(refused("epochs = \"many\"", 2).contains("--epochs"));
    assert!(refused("epochs = ", 1).contains("wrong.toml"));
    assert!(refusal(folder.path(), &["train", "--config", "absent.toml"], 1).contains("absent.toml"));
    let both = plangrad(folder.path(), ["train", "--config", "wrong.toml", "--resume", "it"]).refused(2);
    assert!(both.contains("--resume"), "{both}");
}
