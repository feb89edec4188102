//! Activations that are computed again: runs end with the same bytes in less memory, `plan` and `fit` know of it beforehand, and
//! the ladder takes it where it costs less than parts.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Left, metrics, run, select, small_mnist, undisturbed};

/// On [`support::small_mnist`]: deep enough for segments.
const NETWORK: &str = "--dataset mnist --hidden 96,80,96,80,96,80 --activation gelu --dropout 0.1";

fn train(options: &str) -> String {
    format!("train {NETWORK} --batch-size 256 --epochs 9 --max-steps 40 {options}")
}

/// The only row of a plan.
fn planned(folder: &Path, options: &str) -> Value {
    let plan = format!("plan {NETWORK} --batch-sizes 256 --device cpu {options} --format json");
    run(folder, &plan).object()["rows"][0].clone()
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("{key} of {object}"))
}

fn rungs(run: &Path) -> Vec<String> {
    let events = metrics(run);
    let rung = |event: &Value| event["rung"].as_str().unwrap().to_owned();
    select(&events, "oom").into_iter().map(rung).collect()
}

#[test]
fn a_run_that_computes_activations_again_ends_with_the_same_bytes_in_less_memory() {
    let folder = small_mnist();
    let expected = undisturbed(folder.path(), &train(""));
    run(folder.path(), &train("--recompute all --out all")).succeeded();
    assert!(Left::by(&folder.path().join("all")).has_the_bytes_of(&expected));
    let events = metrics(&folder.path().join("all"));
    let (none, all) = (planned(folder.path(), ""), planned(folder.path(), "--recompute all"));
    assert!(number(&all, "total_bytes") < number(&none, "total_bytes") * 4 / 5, "{all}");
    assert!(number(&all, "operations") > number(&none, "operations"));
    for epoch in select(&events, "epoch") {
        assert_eq!((epoch["measured_bytes"].as_u64(), epoch["planned_bytes"].as_u64()), {
            let bytes = events[0]["planned_bytes"].as_u64();
            (bytes, bytes)
        });
    }

    // Halfway it is taken back, and later asked for again.
    run(folder.path(), &train("--recompute all --max-steps 15 --out parts").replace("--max-steps 40 ", ""))
        .succeeded();
    run(folder.path(), "train --resume parts --max-steps 28 --recompute none").succeeded();
    run(folder.path(), "train --resume parts --max-steps 40 --recompute all").succeeded();
    assert!(Left::by(&folder.path().join("parts")).has_the_bytes_of(&expected));
}

#[test]
fn auto_computes_as_little_again_as_it_takes_and_the_plan_says_how_much() {
    let folder = small_mnist();
    let expected = undisturbed(folder.path(), &train(""));
    let [none, all] = ["", "--recompute all"].map(|options| planned(folder.path(), options));
    let (most, least) = (number(&none, "total_bytes"), number(&all, "total_bytes"));
    let mut before = (u64::MAX, 0);
    for budget in [most, most - 1, (most + least) / 2, least] {
        let row = planned(folder.path(), &format!("--recompute auto --memory-budget {budget}"));
        let cost = (number(&row, "total_bytes"), number(&row, "operations"));
        assert!(cost.0 <= budget && row["fits"] == true, "{budget}: {row}");
        assert!(
            cost.0 <= before.0 && cost.1 >= before.1,
            "less memory, more arithmetic: {before:?} {cost:?}"
        );
        before = cost;
        let out = format!("auto{budget}");
        let options = format!("--recompute auto --device cpu --memory-budget {budget} --out {out}");
        run(folder.path(), &train(&options)).succeeded();
        let taken: &[&str] = if budget == most { &[] } else { &["recomputation"] };
        assert_eq!(rungs(&folder.path().join(&out)), taken);
        assert!(Left::by(&folder.path().join(&out)).has_the_bytes_of(&expected), "{budget}");
        let report = run(folder.path(), &format!("report {out}"));
        report.succeeded();
    }
    let refused = train(&format!("--recompute auto --device cpu --memory-budget {} --out none", least - 1));
    assert_eq!(run(folder.path(), &refused).code, 1);
    assert!(!folder.path().join("none").exists());
}

#[test]
fn fit_answers_for_exactly_the_flags_that_were_given() {
    let folder = small_mnist();
    let fit = |options: &str| {
        let fit =
            format!("fit {NETWORK} --memory-budget 3MiB --device cpu --no-speed {options} --format json");
        run(folder.path(), &fit).object()
    };
    let [none, auto, all] = ["", "--recompute auto", "--recompute all"].map(fit);
    let with_levers = fit("--levers");
    let levers = with_levers["levers"].as_array().unwrap();
    let sizes: Vec<u64> = levers.iter().map(|lever| number(lever, "max_batch_size")).collect();
    assert!(sizes.len() == 5 && sizes.is_sorted(), "{sizes:?}");
    assert_eq!([sizes[2], sizes[3]], [number(&none, "max_batch_size"), number(&all, "max_batch_size")]);
    assert!(levers.iter().all(|lever| lever["total_bytes"] == lever["measured_bytes"]), "{levers:?}");
    let largest = |found: &Value| number(found, "max_batch_size");
    assert!(largest(&none) < largest(&all) && largest(&auto) == largest(&all), "{none} {auto} {all}");
    for found in [&none, &auto, &all] {
        assert_eq!(found["total_bytes"], found["measured_bytes"]);
        assert!(number(found, "next_total_bytes") > 3 << 20);
    }
}

#[test]
fn the_table_of_levers_and_the_drawing_of_trades_are_those_of_the_plans() {
    let folder = small_mnist();
    let options = "--levers --memory-budget 4MiB --trades trades.svg --trades-of-nothing";
    let refused = run(folder.path(), &format!("plan {NETWORK} {options}"));
    assert_eq!(refused.code, 2, "{refused:?}");
    let options = "--batch-sizes 256 --device cpu --levers --memory-budget 4MiB --trades trades.svg";
    let object = run(folder.path(), &format!("plan {NETWORK} {options} --format json")).object();
    let levers = object["levers"].as_array().unwrap();
    assert_eq!(levers.len(), 6);
    for (lever, options) in levers.iter().zip([
        "--keep-gradients --keep-inputs",
        "--keep-inputs",
        "",
        "--recompute all",
        "--recompute all --precision bf16",
        "--recompute all --precision bf16 --accumulate 8",
    ]) {
        let row = planned(folder.path(), options);
        assert_eq!(lever["total_bytes"], row["total_bytes"], "{options}");
        assert_eq!(lever["operations"], row["operations"], "{options}");
        let at = |size: u64| {
            let sizes =
                format!("plan {NETWORK} --batch-sizes {size} --device cpu {options} --memory-budget 4MiB");
            run(folder.path(), &format!("{sizes} --format json")).object()["rows"][0]["fits"] == true
        };
        let largest = number(lever, "largest_batch_size");
        assert!(at(largest) && !at(largest + 1), "{lever}");
    }
    let drawn = fs::read_to_string(folder.path().join("trades.svg")).unwrap();
    support::check_svg(&drawn);
    assert!(drawn.contains("operations of a step, of those with every activation kept"), "{drawn}");
    assert!(object["rows"][0]["step_bytes"] == object["rows"][0]["least_step_bytes"]);
    let text = run(folder.path(), &format!("plan {NETWORK} {options}")).succeeded();
    assert!(text.contains("Layout: optimal, proven") && text.contains("+ recomputation "), "{text}");
}
