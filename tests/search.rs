//! `plangrad search`: trials follow from the seed, fit into the budget, and survive being killed.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::{command, documented, keys, metrics, run, select, small_mnist};

const SEARCH: &str = "search --dataset mnist --try-hidden 8 --try-hidden 16,8 --try-lr 1e-4..1e-1 --try-optimizer sgd,adam \
                      --try-batch-size 32,64 --trials 6 --epochs 4 --factor 2 --out it";

/// What of a search must be the same however often it was interrupted.
fn outcome(folder: &Path) -> Vec<(String, Vec<u8>, Vec<Value>)> {
    let trials = 1..=6;
    let of = |number| {
        let run = folder.join(format!("it/trial-{number:03}"));
        let model = fs::read(run.join("model.safetensors")).unwrap_or_default();
        let losses =
            select(&metrics(&run), "epoch").iter().map(|epoch| epoch["train_loss"].clone()).collect();
        (fs::read_to_string(run.join("config.toml")).unwrap(), model, losses)
    };
    trials.map(of).collect()
}

#[test]
fn trials_follow_from_the_seed_and_the_better_ones_go_on() {
    let folder = small_mnist();
    let events = run(folder.path(), &format!("{SEARCH} --format json --plot it.svg")).objects();
    let end = events.last().unwrap();
    assert_eq!(keys(end), documented()["search"]);
    let trials = end["trials"].as_array().unwrap();
    assert_eq!((end["event"].as_str(), trials.len()), (Some("end"), 6));
    assert_eq!(keys(&trials[0]), documented()["search trials"]);
    // Of 6 trials 3 go on from epoch 1, of these 2 from epoch 2.
    let epochs: Vec<u64> = trials.iter().map(|trial| trial["epochs"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [4, 4, 2, 1, 1, 1]);
    let accuracy = |trial: &Value| trial["accuracy"].as_f64().unwrap();
    assert!(accuracy(&trials[0]) >= accuracy(&trials[1]));
    assert!(fs::read_to_string(folder.path().join("it.svg")).unwrap().contains("learning rate"));
    // Each is a run like any other.
    let best = end["best"].as_str().unwrap();
    let evaluated = run(folder.path(), &format!("eval {best} --split validation --format json")).object();
    assert_eq!(evaluated["accuracy"], trials[0]["accuracy"]);
    let paused = format!("it/trial-{:03}", trials[5]["trial"].as_u64().unwrap());
    assert!(
        run(folder.path(), &format!("train --resume {paused} --no-report")).succeeded().contains("Epoch 4/4")
    );
    let again = small_mnist();
    run(again.path(), SEARCH).succeeded();
    let without_paths = |folder: &Path| {
        let configs = outcome(folder).into_iter().map(|(config, ..)| config);
        configs
            .map(|config| config.lines().filter(|line| !line.contains("data_dir")).collect::<String>())
            .collect::<Vec<_>>()
    };
    assert_eq!(without_paths(folder.path()), without_paths(again.path()));
    let page = fs::read_to_string(folder.path().join("it/report.html")).unwrap();
    assert!(page.contains("id=\"search\"") && page.contains("\"learning_rate\""));
}

#[test]
#[cfg(unix)]
fn a_search_that_is_killed_again_and_again_ends_with_the_same_trials_and_bits() {
    let whole = small_mnist();
    run(whole.path(), SEARCH).succeeded();
    let expected = outcome(whole.path());
    let interrupted = small_mnist();
    let data = format!(" --data-dir {}", whole.path().join("data").display());
    let begin = || {
        let mut command = command(interrupted.path());
        let resume = interrupted.path().join("it/search.json").exists();
        let arguments = if resume { "search --resume it".to_owned() } else { SEARCH.to_owned() + &data };
        command.args(arguments.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    for milliseconds in [40, 90, 140, 200, 260, 330, 120, 75, 400] {
        let mut child = begin();
        thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    if interrupted.path().join("it/search.json").exists() {
        run(interrupted.path(), "search --resume it").succeeded();
    } else {
        run(interrupted.path(), &(SEARCH.to_owned() + &data)).succeeded();
    }
    let found = outcome(interrupted.path());
    for (place, (one, other)) in expected.iter().zip(&found).enumerate() {
        assert!(one.1 == other.1, "the model of trial {} differs", place + 1);
        assert_eq!(one.2, other.2, "the losses of trial {}", place + 1);
    }
    assert!(run(interrupted.path(), "search --resume it").succeeded().contains(" eval it/"));
}

#[test]
fn no_trial_takes_more_memory_than_there_may_be() {
    let folder = small_mnist();
    let planned = |hidden: &str| {
        let line = run(
            folder.path(),
            &format!(
                "plan --dataset mnist --hidden {hidden} --validation-fraction 0.1 --batch-sizes 64 --format json"
            ),
        );
        line.object()["rows"][0]["total_bytes"].as_u64().unwrap()
    };
    let (small, large) = (planned("8"), planned("64"));
    let search = |budget: u64| {
        format!(
            "search --dataset mnist --try-hidden 8 --try-hidden 64 --try-lr 0.01,0.001 --trials 4 --epochs 1 --memory-budget {budget} --out it{budget} --format json"
        )
    };
    let ended = run(folder.path(), &search(large - 1)).objects();
    let trials = ended.last().unwrap()["trials"].as_array().unwrap().clone();
    assert!(trials.iter().all(|trial| trial["hidden"] == "8") && trials.len() == 2, "{trials:?}");
    let both = run(folder.path(), &search(large + (1 << 20))).objects();
    let hidden: BTreeSet<String> = both.last().unwrap()["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trial| trial["hidden"].to_string())
        .collect();
    assert_eq!(hidden.len(), 2);
    let run_of = folder.path().join(format!("it{}/trial-001", large - 1));
    assert_eq!(select(&metrics(&run_of), "start")[0]["planned_bytes"], trials[0]["planned_bytes"]);
    assert!(trials[0]["planned_bytes"].as_u64().unwrap() <= small + 4096);
    let refused = run(folder.path(), &search(1000));
    assert!(refused.code == 2 && refused.stderr.contains("too few for any trial"), "{refused:?}");
    assert!(!folder.path().join("it1000").exists());
}

#[test]
fn a_search_ends_with_its_time_and_says_what_it_has() {
    let folder = small_mnist();
    let events =
        run(folder.path(), &format!("{SEARCH} --method random --time-budget 0.0001 --format json")).objects();
    let trials = events.last().unwrap()["trials"].as_array().unwrap();
    let epochs: Vec<u64> = trials.iter().map(|trial| trial["epochs"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_folder_that_has_a_search_or_a_damaged_one_is_named() {
    let folder = small_mnist();
    run(folder.path(), &format!("{SEARCH} --time-budget 0.0001")).succeeded();
    assert!(run(folder.path(), SEARCH).refused(2).contains("--resume"));
    assert!(run(folder.path(), "search --resume nowhere").refused(1).contains("nowhere/search.json"));
    let path = folder.path().join("it/search.json");
    let whole = fs::read_to_string(&path).unwrap();
    for damaged in
        ["", "{", "[]", &whole[..whole.len() / 2], &whole.replace("\"batch_size\": ", "\"batch_size\": -")]
    {
        fs::write(&path, damaged).unwrap();
        let refused = run(folder.path(), "search --resume it").refused(1);
        assert!(refused.contains("it/search.json"), "{refused}");
    }
}
