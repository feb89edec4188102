//! A run knows its data: test figures stay honest when a table changes, and what has changed is reported.

mod support;

use std::fs;
use std::path::Path;

use support::run;

/// Rows whose labels are coin flips: nothing can be learnt from them.
fn coin_flips(rows: usize) -> Vec<String> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let mut row = || {
        let features: Vec<String> =
            (0..12).map(|_| format!("{:.4}", f64::from(next() % 20_000) / 1e4 - 1.0)).collect();
        format!("{},{}", features.join(","), next() / 7 % 2)
    };
    (0..rows).map(|_| row()).collect()
}

fn write(file: &Path, rows: &[String]) {
    let names: Vec<String> = (0..12).map(|i| format!("f{i}")).collect();
    fs::write(file, format!("{},y\n{}\n", names.join(","), rows.join("\n"))).unwrap();
}

struct Evaluated {
    accuracy: f64,
    samples: u64,
    said: String,
}

fn eval(folder: &Path, options: &str) -> Evaluated {
    let said = run(folder, &format!("eval run {options}")).stderr;
    let object = run(folder, &format!("eval run {options} --format json")).object();
    let samples = object["samples"].as_u64().unwrap();
    Evaluated { accuracy: object["accuracy"].as_f64().unwrap(), samples, said }
}

#[test]
fn coin_flips_stay_coin_flips_whatever_becomes_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, table) = (folder.path(), folder.path().join("t.csv"));
    let rows = coin_flips(600);
    write(&table, &rows);
    run(folder, "train --dataset csv:t.csv --epochs 60 --hidden 64 --lr 0.01 --out run").succeeded();
    let is_honest = |evaluated: &Evaluated| (0.4..0.6).contains(&evaluated.accuracy);
    let first = eval(folder, "");
    assert!(is_honest(&first) && first.said.is_empty(), "{} {}", first.accuracy, first.said);
    let learnt = eval(folder, "--split train");
    assert!(learnt.accuracy > 0.9, "the network can learn them by heart: {}", learnt.accuracy);

    let mut changed = rows.clone();
    changed.push(rows[0].clone());
    changed.sort();
    write(&table, &changed);
    let sorted = eval(folder, "");
    assert!(is_honest(&sorted), "{}", sorted.accuracy);
    assert!(
        sorted.said.contains("has changed since the run learnt from it: 1 row new, 0 rows gone"),
        "{}",
        sorted.said
    );
    write(&table, &rows[5..]);
    assert!(eval(folder, "").said.contains("0 rows new, 5 rows gone"));

    fs::rename(&table, folder.join("moved.csv")).unwrap();
    write(&folder.join("moved.csv"), &rows);
    for (split, honest) in [("test", true), ("train", false)] {
        let evaluated = eval(folder, &format!("--dataset csv:moved.csv --split {split}"));
        assert_eq!(is_honest(&evaluated), honest, "{split}");
        assert_eq!(evaluated.samples, if honest { first.samples } else { learnt.samples });
    }
    let all = eval(folder, "--dataset csv:moved.csv");
    let expected = format!(
        "of the 600 rows of csv:moved.csv, the model learnt from {}: figures of these say little about others ({} it was tested \
         on, 0 are new",
        learnt.samples, first.samples
    );
    assert!(all.said.contains(&expected), "{}", all.said);
    write(&folder.join("new.csv"), &coin_flips(900)[600..]);
    let new = eval(folder, "--dataset csv:new.csv");
    assert!(new.said.is_empty() && is_honest(&new), "{}", new.said);
}

#[test]
fn changed_data_are_resumed_with_only_if_that_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, table) = (folder.path(), folder.path().join("t.csv"));
    let rows = coin_flips(330);
    write(&table, &rows[..300]);
    run(folder, "train --dataset csv:t.csv --epochs 3 --max-steps 9 --batch-size 32 --out run").succeeded();
    write(&table, &rows[10..]);
    let refused = run(folder, "train --resume run --max-steps 20");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("30 rows new, 10 rows gone"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--accept-changed-data"), "{}", refused.stderr);
    let accepted = run(folder, "train --resume run --max-steps 20 --accept-changed-data");
    assert!(accepted.stderr.contains("30 rows new, 10 rows gone"), "{}", accepted.stderr);
    accepted.succeeded();
    let go_on = run(folder, "train --resume run --max-steps 23");
    assert!(!go_on.stderr.contains("rows"), "the new data are the run's own now: {}", go_on.stderr);
    go_on.succeeded();
    assert!(eval(folder, "").said.is_empty());
    write(&table, &rows[11..]);
    assert_eq!(run(folder, "train --resume run --max-steps 25").code, 1);
    assert_eq!(run(folder, "train --dataset digits --accept-changed-data").code, 2, "it is for --resume");
}

#[test]
fn changed_images_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let idx = |dims: &[u32], bytes: &[u8]| {
        let dims: Vec<u8> = dims.iter().flat_map(|dim| dim.to_be_bytes()).collect();
        [&[0, 0, 8, (dims.len() / 4) as u8], dims.as_slice(), bytes].concat()
    };
    let write = |part: &str, images: u32, first: u8| {
        let pixels: Vec<u8> = (0..images * 16).map(|i| (i * i % 251) as u8 ^ first).collect();
        let labels: Vec<u8> = (0..images).map(|i| (i % 3) as u8).collect();
        fs::write(folder.join(format!("d/{part}-images-idx3-ubyte")), idx(&[images, 4, 4], &pixels)).unwrap();
        fs::write(folder.join(format!("d/{part}-labels-idx1-ubyte")), idx(&[images], &labels)).unwrap();
    };
    fs::create_dir(folder.join("d")).unwrap();
    write("train", 60, 0);
    write("t10k", 30, 1);
    run(folder, "train --dataset idx:d --epochs 1 --out run").succeeded();
    assert_eq!(eval(folder, "").said, "");
    write("t10k", 30, 2);
    assert!(eval(folder, "").said.contains("has other samples or labels than when the model learnt"));
    write("t10k", 29, 1);
    assert!(eval(folder, "").said.contains("has 29 now, where it had 30 samples when the model learnt"));
    write("t10k", 60, 0);
    assert!(eval(folder, "").said.contains("are those that the model learnt from"));
    let print = folder.join("run/fingerprint.json");
    fs::write(&print, fs::read_to_string(&print).unwrap().replace("\"format\":1", "\"format\":7")).unwrap();
    let damaged = run(folder, "eval run");
    assert!(damaged.code == 1 && damaged.stderr.contains("fingerprint.json"), "{}", damaged.stderr);
}
