//! What people's data did to other versions, one test for each case by its name; the table says where a case is tested
//! whose test is elsewhere. Each test has the right value, not only a success.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{finish, plangrad, refusal, run};

/// Cases whose kind another file tests: the case, the file, the test.
const ELSEWHERE: [(&str, &str, &str); 17] = [
    (
        "attack-fit-oom-killed",
        "tests/fit_heap.rs",
        "the_heap_grows_by_no_more_than_288_kib_beside_the_budget",
    ),
    (
        "attack-hostile-model",
        "tests/hostile.rs",
        "a_model_file_with_too_many_classes_or_layers_is_refused_with_the_limit",
    ),
    (
        "attack-killed-at-begin",
        "tests/resume.rs",
        "a_run_killed_before_its_first_checkpoint_is_refused_with_a_reason",
    ),
    (
        "attack-out-deleted-recreated",
        "tests/checkpoints.rs",
        "a_run_whose_folder_or_log_is_taken_away_ends_with_a_sentence_and_writes_nowhere_else",
    ),
    (
        "attack-out-symlink-repointed",
        "tests/checkpoints.rs",
        "a_run_whose_folder_or_log_is_taken_away_ends_with_a_sentence_and_writes_nowhere_else",
    ),
    (
        "attack-overwrite-loses-run",
        "tests/resume.rs",
        "a_run_that_was_killed_while_it_replaced_another_stands_or_the_other_does",
    ),
    (
        "attack-panic-long-label",
        "tests/hostile.rs",
        "names_with_control_characters_or_of_any_length_are_printed_harmlessly",
    ),
    (
        "attack-panic-no-threads",
        "tests/faults.rs",
        "where_the_system_gives_no_thread_every_command_works_with_one",
    ),
    ("attack-resume-changed-data", "tests/resume.rs", "a_run_whose_data_or_settings_have_changed_is_refused"),
    ("attack-resume-needs-more", "tests/budget.rs", "a_run_that_no_longer_fits_is_left_unchanged"),
    (
        "attack-sweep-oom-killed",
        "tests/budget.rs",
        "within_any_limit_on_its_address_space_a_command_works_or_ends_in_a_sentence",
    ),
    (
        "attack-tar-nested-gzip",
        "crates/formats/tests/archive.rs",
        "an_entry_compressed_itself_is_refused_before_it_is_decompressed",
    ),
    (
        "attack-terminal-escapes",
        "tests/hostile.rs",
        "names_with_control_characters_or_of_any_length_are_printed_harmlessly",
    ),
    (
        "attack-tmp-symlink",
        "tests/resume.rs",
        "what_lies_under_a_temporary_name_is_neither_followed_nor_overwritten",
    ),
    ("ladder-spam", "tests/ladder.rs", "each_rung_is_reached_under_its_budget_and_leads_to_the_same_bytes"),
    ("split-drift", "tests/fingerprint.rs", "coin_flips_stay_coin_flips_whatever_becomes_of_the_table"),
    (
        "split-ignored",
        "tests/tables.rs",
        "coin_flips_score_a_half_before_and_after_rows_are_added_sorted_and_moved",
    ),
];

#[test]
fn the_tests_that_are_named_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("xtask").is_dir());
    for (case, file, test) in ELSEWHERE {
        let text = fs::read_to_string(root.unwrap().join(file)).unwrap();
        assert!(text.contains(&format!("fn {test}()")), "{case}: {file} has no {test}");
    }
}

/// Numbers between 0 and 1 that look random.
fn noise(count: usize) -> Vec<f64> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    (0..count).map(|_| next()).collect()
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).unwrap();
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What a row of a table becomes, as `show` says.
fn shown(folder: &Path, options: &str) -> Value {
    run(folder, &format!("show {options} --format json")).object()
}

#[test]
fn bool_features() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "t.csv", "a,red,blue,y\n1,True,False,x\n2,False,True,z\n3,True,False,x\n");
    let row = shown(folder.path(), "--dataset csv:t.csv --test-fraction 0 --normalize none --index 1");
    assert_eq!(row["normalized"]["mean"], json!(1.0), "2, 0 and 1: {row}");
    run(folder.path(), "train --dataset csv:t.csv --test-fraction 0 --hidden 4 --out run").succeeded();
    let words =
        plangrad(folder.path(), ["predict", "run", "--values", "2,FALSE,true", "--format", "json"]).object();
    let digits =
        plangrad(folder.path(), ["predict", "run", "--values", "2,0,1", "--format", "json"]).object();
    assert_eq!(words["probabilities"], digits["probabilities"]);
}

#[test]
fn cosine_extended() {
    let folder = support::small_mnist();
    let options = "train --dataset mnist --hidden 8 --schedule cosine --epochs 1 --out run";
    run(folder.path(), options).succeeded();
    let before = fs::read(folder.path().join("run/model.safetensors")).unwrap();
    let resumed = run(folder.path(), "train --resume run --epochs 3");
    let note = "the cosine ends at step 25; from there on the learning rate is 0";
    assert!(resumed.stderr.contains(note), "{resumed:?}");
    resumed.succeeded();
    let after = fs::read(folder.path().join("run/model.safetensors")).unwrap();
    let weights = |file: &[u8]| file[file.len() - 4 * 6370..].to_vec();
    assert!(weights(&before) == weights(&after), "nothing is learnt, as the note says");
}

#[test]
fn data_dir_name() {
    let folder = support::small_mnist();
    fs::rename(folder.path().join("data/mnist"), folder.path().join("archive")).unwrap();
    let options = "--dataset mnist --hidden 8 --epochs 1 --format json";
    let named = run(folder.path(), &format!("train {options} --data-dir archive --out run"));
    assert_eq!(named.objects()[0]["train_samples"], 1600);
    let inside = run(&folder.path().join("archive"), &format!("train {options} --data-dir . --out ../here"));
    assert_eq!(inside.objects()[0]["train_samples"], 1600);
}

#[test]
fn f32_before_standardising() {
    let folder = tempfile::tempdir().unwrap();
    let table = |first: i64, step: i64| {
        let rows = (0..120).map(|row| format!("{},{}\n", first + step * row, i64::from(row >= 60)));
        format!("t,y\n{}", rows.collect::<String>())
    };
    for (name, first, step) in [("none", 0, 1), ("s", 1_700_000_000, 1), ("ms", 1_700_000_000_000, 1000)] {
        write(folder.path(), "t.csv", table(first, step));
        let options =
            "--epochs 100 --hidden 16 --lr 0.01 --batch-size 8 --test-fraction 0 --overwrite --out run";
        run(folder.path(), &format!("train --dataset csv:t.csv {options}")).succeeded();
        let found = run(folder.path(), "eval run --split train --format json").object();
        assert!(number(&found["accuracy"]) > 0.95, "{name}: {found}");
        let row = run(folder.path(), "show --dataset csv:t.csv --test-fraction 0 --index 119");
        assert!(row.succeeded().contains(&(first + step * 119).to_string()), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn fifo_hang() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("ff");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, "a,b,y\n1,2,x\n1,bad,z\n")
    });
    let refused = run(folder.path(), "train --dataset csv:ff --epochs 1 --out run");
    writer.join().unwrap().unwrap();
    let sentence = refused.refused(1);
    assert!(sentence.contains("line 3, column `b`") && sentence.contains("\"bad\""), "{sentence}");
}

#[test]
fn gzip_padding() {
    let folder = support::small_mnist();
    let plain = folder.path().join("data/mnist/train-images-idx3-ubyte");
    let packed = |tail: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &fs::read(&plain).unwrap()).unwrap();
        [&encoder.finish().unwrap(), tail].concat()
    };
    let (padded, garbage) = (packed(&[0; 512]), packed(b"garbage"));
    fs::remove_file(&plain).unwrap();
    let train = ["train", "--dataset", "mnist", "--epochs", "1", "--hidden", "8", "--out", "run"];
    write(folder.path(), "data/mnist/train-images-idx3-ubyte.gz", padded);
    plangrad(folder.path(), train).succeeded();
    write(folder.path(), "data/mnist/train-images-idx3-ubyte.gz", garbage);
    let sentence = refusal(folder.path(), &[&train[..], &["--overwrite"]].concat(), 1);
    assert!(sentence.contains("67 61 72 62") && !sentence.contains("truncated"), "{sentence}");
}

#[test]
fn headerless() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,1.4,0.2,Iris-setosa\n7.0,3.2,4.7,1.4,Iris-versicolor\n\
                6.4,3.2,4.5,1.5,Iris-versicolor\n";
    write(folder.path(), "iris.data", rows);
    let options =
        "train --dataset csv:iris.data --test-fraction 0 --hidden 4 --epochs 1 --overwrite --out run";
    let told = run(folder.path(), options);
    assert!(
        told.stderr.contains("line 1 looks like data") && told.stderr.contains("--no-header"),
        "{told:?}"
    );
    let read = run(folder.path(), &format!("{options} --no-header --format json")).objects();
    assert_eq!(read[0]["train_samples"], 4);
    write(folder.path(), "digits.csv", "5,0,0,0,1\n4,0,0,0,1\n");
    let asked = refusal(folder.path(), &["train", "--dataset", "csv:digits.csv", "--label", "5"], 1);
    assert!(asked.contains("--no-header"), "{asked}");
}

#[test]
fn id_column() {
    let folder = tempfile::tempdir().unwrap();
    let noise = noise(300);
    for (first, name) in [(1, "Id"), (0, "Unnamed: 0"), (0, "")] {
        let mut text = format!("{name},a,b,Species\n");
        for row in 0..150 {
            let class = (b'a' + (row / 50) as u8) as char;
            writeln!(text, "{},{:.3},{:.3},{class}", row + first, noise[2 * row], noise[2 * row + 1])
                .unwrap();
        }
        write(folder.path(), "t.csv", text);
        let options = "train --dataset csv:t.csv --epochs 60 --lr 0.01 --hidden 16 --overwrite --out run";
        let trained = run(folder.path(), options);
        assert!(trained.stderr.contains("numbers the rows and was left out"), "{name}: {trained:?}");
        let found = run(folder.path(), "eval run --format json").object();
        assert!(number(&found["accuracy"]) < 0.6, "{name}: chance is a third: {found}");
    }
    for other in ["--ignore", "--exclude"] {
        let sentence = refusal(folder.path(), &["train", "--dataset", "csv:t.csv", other, "Id"], 2);
        assert!(sentence.contains("did you mean `--drop`?"), "{sentence}");
    }
    write(
        folder.path(),
        "titanic.csv",
        "PassengerId,Survived,Pclass,Name,Sex,Age\n1,0,3,\"Doe, Mr. A\",male,22\n2,1,1,\"Roe, Mrs. B\",female,\n",
    );
    let titanic = ["train", "--dataset", "csv:titanic.csv", "--label", "Survived", "--out", "t"];
    let sentence = refusal(folder.path(), &titanic, 1);
    assert!(sentence.contains("--drop") || sentence.contains("--missing"), "{sentence}");
    let more =
        ["--drop", "Name", "--missing", "mean", "--test-fraction", "0", "--hidden", "2", "--epochs", "1"];
    plangrad(folder.path(), [&titanic[..], &more].concat()).succeeded();
}

#[test]
fn init_half() {
    let folder = support::small_mnist();
    write(folder.path(), "model.pt", [&b"PK\x03\x04"[..], &[0; 200]].concat());
    run(folder.path(), "train --dataset mnist --hidden 16 --max-steps 5 --out run").succeeded();
    let model = fs::read(folder.path().join("run/model.safetensors")).unwrap();
    write(folder.path(), "cut.safetensors", &model[..model.len() - 100]);
    for (file, said) in [("cut.safetensors", "cut.safetensors is cut off"), ("model.pt", "model.pt")] {
        let arguments = ["train", "--dataset", "mnist", "--hidden", "16", "--init", file, "--out", "other"];
        let sentence = refusal(folder.path(), &arguments, 1);
        assert!(sentence.contains(said), "{file}: {sentence}");
    }
}

#[test]
fn no_best_no_weights() {
    let folder = support::small_mnist();
    let options = "train --dataset mnist --hidden 8 --epochs 3 --validation-fraction 0.2 --keep best --patience 2 \
                   --label-smoothing 0.1 --class-weights balanced --out run --format json";
    let events = run(folder.path(), options).objects();
    let epochs = support::select(&events, "epoch");
    assert!(epochs.iter().all(|epoch| epoch["validation_accuracy"].is_number()), "{epochs:?}");
    let best = epochs.iter().map(|epoch| number(&epoch["validation_accuracy"])).fold(0.0, f64::max);
    let judged = run(folder.path(), "eval run --best --split validation --format json").object();
    assert_eq!(number(&judged["accuracy"]), best);
    for (other, name) in [("--class-weight", "--class-weights"), ("--early-stopping", "--patience EPOCHS")] {
        let sentence = refusal(folder.path(), &["train", other], 2);
        assert!(sentence.contains(&format!("did you mean `{name}`?")), "{sentence}");
    }
}

/// Bytes of an IDX file.
fn idx(dims: &[u32], data: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let header = [0, 0, 8, dims.len() as u8].into_iter();
    header.chain(dims.iter().flat_map(|dim| dim.to_be_bytes())).chain(data).collect()
}

#[test]
fn own_idx() {
    let folder = tempfile::tempdir().unwrap();
    for (name, side, classes, first) in
        [("letters", 28, 26, 1), ("balanced", 28, 47, 0), ("size32", 32, 10, 0)]
    {
        let files = folder.path().join(name);
        fs::create_dir(&files).unwrap();
        for (part, count) in [("train", 104_u32), ("t10k", 52)] {
            let pixels = (0..count * side * side).map(|pixel| (pixel * 7) as u8);
            let labels = (0..count).map(|label| (first + label % classes) as u8);
            write(&files, &format!("{part}-images-idx3-ubyte"), idx(&[count, side, side], pixels));
            write(&files, &format!("{part}-labels-idx1-ubyte"), idx(&[count], labels));
        }
        let options = format!("train --dataset idx:{name} --epochs 1 --hidden 8 --out r{name} --format json");
        run(folder.path(), &options).succeeded();
        let found = run(folder.path(), &format!("eval r{name} --format json")).object();
        let names: Vec<String> = (first..first + classes).map(|label| label.to_string()).collect();
        assert_eq!((&found["samples"], &found["classes"]), (&json!(52), &json!(names)), "{name}");
    }
    let asked = refusal(folder.path(), &["train", "--dataset", "emnist"], 2);
    assert!(asked.contains("emnist-letters"), "{asked}");
}

#[test]
fn predict_unlabelled() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train.csv", "a,b,y\n1,2,x\n3,4,z\n5,6,x\n7,8,z\n");
    write(folder.path(), "new.csv", "b,a\n2,1\n4,3\n");
    run(folder.path(), "train --dataset csv:train.csv --test-fraction 0 --epochs 1 --hidden 4 --out run")
        .succeeded();
    let rows = run(folder.path(), "predict run --dataset csv:new.csv --format json").objects();
    let values = run(folder.path(), "predict run --values 1,2 --values 3,4 --format json").objects();
    let probabilities =
        |all: &[Value]| all.iter().map(|one| one["probabilities"].clone()).collect::<Vec<_>>();
    assert_eq!(probabilities(&rows), probabilities(&values), "columns are found by their names");
    let sentence = refusal(folder.path(), &["eval", "run", "--dataset", "csv:new.csv"], 1);
    assert!(sentence.contains("`y`"), "{sentence}");
}

#[test]
fn regression_target() {
    let folder = tempfile::tempdir().unwrap();
    let noise = noise(900);
    let table = |scale: f64, shift: f64| {
        let rows = noise.chunks_exact(3).map(|x| {
            let price = shift + scale * (5.0 * x[0] - 3.0 * x[1] + x[2]);
            format!("{:.4},{:.4},{:.4},{price}\n", x[0], x[1], x[2])
        });
        format!("a,b,c,price\n{}", rows.collect::<String>())
    };
    let r2 = |scale, shift| {
        write(folder.path(), "t.csv", table(scale, shift));
        run(folder.path(), "train --dataset csv:t.csv --loss mse --epochs 50 --overwrite --out run")
            .succeeded();
        number(&run(folder.path(), "eval run --format json").object()["r2"])
    };
    let (near_0, near_200_000) = (r2(1.0, 0.0), r2(10_000.0, 200_000.0));
    assert!(near_0 > 0.9 && (near_0 - near_200_000).abs() < 0.01, "{near_0} and {near_200_000}");
}

#[test]
fn separators() {
    let folder = tempfile::tempdir().unwrap();
    let utf16: Vec<u8> = "a,b,y\n1,2,x\n3,4,z\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, b"a,b,y\n1,2,x\n3,4,z\n").unwrap();
    let cases: [(&str, Vec<u8>, [f64; 2]); 6] = [
        ("wine.csv", b"fixed acidity;pH;quality\n7,4;3,51;5\n7,8;3,2;6\n".to_vec(), [7.4, 3.51]),
        ("comma.csv", b"a,b,y\n\"1,5\",2,x\n\"2,5\",2,z\n".to_vec(), [1.5, 2.0]),
        ("t.csv.gz", gzip.finish().unwrap(), [1.0, 2.0]),
        ("u16.csv", [&[0xFF, 0xFE][..], &utf16].concat(), [1.0, 2.0]),
        ("trailing.csv", b"a,b,y,\n1,2,x,\n3,4,z,\n".to_vec(), [1.0, 2.0]),
        ("t.tsv", b"a\tb\ty\n1\t2\tx\n3\t4\tz\n".to_vec(), [1.0, 2.0]),
    ];
    for (name, bytes, [first, second]) in cases {
        write(folder.path(), name, bytes);
        let options = if name == "comma.csv" { "--decimal comma" } else { "" };
        let row = shown(
            folder.path(),
            &format!("--dataset csv:{name} --test-fraction 0 --normalize none {options}"),
        );
        let raw = &row["raw"];
        let range = [number(&raw["min"]), number(&raw["max"])];
        let mut expected = [first, second];
        expected.sort_by(f64::total_cmp);
        assert_eq!(range, expected, "{name}: {row}");
    }
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "t.csv", "a,b,y\n1,2,x\n3,4,z\n");
    let at_home = finish(support::command(folder.path()).env("HOME", home.path()).args([
        "show",
        "--dataset",
        "csv:~/t.csv",
        "--test-fraction",
        "0",
    ]));
    at_home.succeeded();
}

#[test]
fn wide_table() {
    let folder = tempfile::tempdir().unwrap();
    let columns = 50_000;
    let mut text: String = (0..columns).map(|column| format!("c{column},")).collect();
    text.push_str("y\n");
    for row in 0..10 {
        text.extend((0..columns).map(|column| if (row + column) % 3 > 0 { "1," } else { "0," }));
        text.push_str(if row % 2 == 0 { "x\n" } else { "z\n" });
    }
    write(folder.path(), "w.csv", text);
    let trained =
        run(folder.path(), "train --dataset csv:w.csv --test-fraction 0 --hidden 4 --epochs 1 --out run");
    let asked = run(folder.path(), "predict run --values 1,2");
    let judged = run(folder.path(), "eval run --split train");
    for ended in [trained, asked, judged] {
        let longest = ended.stdout.lines().chain(ended.stderr.lines()).map(str::len).max();
        assert!(longest < Some(400), "{} bytes", longest.unwrap_or(0));
    }
}
