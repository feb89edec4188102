//! `plangrad plan`: the same bytes as `train`, formulas that add up, the figures of other packages, pictures.

mod support;

use std::fs;
use std::path::Path;

use plangrad::Picture;
use serde_json::Value;
use support::{files, plangrad, refusal, run};

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// The rows of `plan` with these options, in a folder without any data.
fn rows(folder: &Path, options: &str) -> Vec<Value> {
    let object = run(folder, &format!("plan {options} --format json")).object();
    object["rows"].as_array().unwrap().clone()
}

fn bytes(row: &Value, key: &str) -> u64 {
    row[key].as_u64().unwrap_or_else(|| panic!("{key} of {row}"))
}

/// The configurations for which plan and run are compared: (options of both, batch size).
const RUNS: [(&str, usize); 11] = [
    ("--dataset digits", 64),
    ("--dataset digits --optimizer sgd", 1),
    ("--dataset digits --optimizer sgd --momentum 0.9 --hidden 32,16 --activation tanh", 300),
    ("--dataset digits --optimizer adamw --dropout 0.25 --activation gelu --hidden 64,64", 4096),
    ("--dataset digits --hidden none", 4096),
    ("--dataset digits --eval-batch-size 4000", 16),
    ("--dataset digits --eval-batch-size 1 --activation sigmoid", 7),
    ("--dataset digits --batch-size 1", 30_000),
    ("--dataset digits --clip-norm 1 --class-weights balanced --label-smoothing 0.1", 64),
    ("--dataset digits --hidden 32,16 --optimizer sgd --clip-norm 0.1", 3),
    ("--dataset csv:table.csv --loss mse --hidden 8 --test-fraction 0.4 --eval-batch-size 3", 2),
];

#[test]
fn planned_bytes_equal_those_of_train_planned_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("table.csv"), "a,b,sum\n1,2,3\n3,4,7\n5,6,11\n7,8,15\n9,1,10\n").unwrap();
    for (options, batch_size) in RUNS {
        let options = options.replace(" --batch-size 1", "");
        let row = &rows(folder.path(), &format!("{options} --batch-sizes {batch_size}"))[0];
        let train = format!(
            "train {options} --batch-size {batch_size} --max-steps 1 --out run --overwrite --format json"
        );
        let events = run(folder.path(), &train).objects();
        let epoch = events.iter().find(|event| event["event"] == "epoch").unwrap();
        let planned = bytes(row, "total_bytes");
        assert_eq!(bytes(&events[0], "planned_bytes"), planned, "{options} {batch_size}");
        assert_eq!(bytes(epoch, "measured_bytes"), planned, "{options} {batch_size}");
    }
}

#[test]
fn the_parts_of_each_row_add_up_and_no_total_falls() {
    let folder = tempfile::tempdir().unwrap();
    let sizes: Vec<String> = [1, 2, 3, 7, 64, 65, 1000, 1024, 60_000].iter().map(usize::to_string).collect();
    for options in
        ["", "--optimizer sgd --momentum 0.5", "--dataset cifar100 --hidden 300,200,100 --dropout 0.1"]
    {
        let rows = rows(folder.path(), &format!("{options} --batch-sizes {}", sizes.join(",")));
        let parts =
            ["parameters", "gradients", "optimizer_state", "batch", "activations", "workspace", "dataset"];
        let mut last = 0;
        for row in &rows {
            let sum: u64 = parts.iter().map(|part| bytes(row, &format!("{part}_bytes"))).sum();
            assert_eq!(sum, bytes(row, "total_bytes"), "{options}: {row}");
            assert!(sum >= last, "{options}: {row}");
            last = sum;
        }
    }
    assert!(files(folder.path()).is_empty(), "planning leaves nothing behind");
}

#[test]
fn a_shape_is_planned_as_a_dataset_of_that_shape() {
    let folder = tempfile::tempdir().unwrap();
    let same = [("--dataset mnist", "1,28,28", 10), ("--dataset cifar100", "3,32,32", 100)];
    for (dataset, shape, classes) in same {
        let options = "--hidden 50,20 --optimizer adamw --batch-sizes 16,2048";
        let shaped = rows(folder.path(), &format!("--input {shape} --classes {classes} {options}"));
        assert_eq!(shaped, rows(folder.path(), &format!("{dataset} {options}")));
    }
}

/// The value of a formula: words are skipped, and brackets hold a sum of products.
fn value_of(formula: &str) -> u64 {
    let formula = formula.replace(',', "");
    let product = |text: &str| -> u64 {
        let factors =
            text.split('×').map(|factor| factor.split_whitespace().find_map(|word| word.parse().ok()));
        factors.map(|factor: Option<u64>| factor.unwrap_or_else(|| panic!("{formula}"))).product()
    };
    match formula.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((sum, rest)) => {
            sum.split('+').map(product).sum::<u64>() * product(rest.trim_start().trim_start_matches('×'))
        }
        None => product(&formula),
    }
}

#[test]
fn every_formula_gives_its_bytes_and_all_of_them_the_total() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        "--optimizer sgd",
        "--hidden 512,256 --activation gelu --dropout 0.2 --dataset cifar10",
        "--hidden none",
        "--batch-sizes 8 --eval-batch-size 1000",
    ] {
        for row in rows(folder.path(), &format!("--explain {options}")) {
            let parts = row["explanation"].as_array().unwrap();
            assert_eq!(
                parts.iter().map(|part| bytes(part, "bytes")).sum::<u64>(),
                bytes(&row, "total_bytes")
            );
            for part in parts {
                let formula = part["formula"].as_str().unwrap();
                let counted = formula.split(" of ").next().unwrap();
                assert_eq!(value_of(counted), bytes(part, "bytes"), "{part}");
            }
            for category in
                ["parameters", "gradients", "optimizer state", "batch", "activations", "workspace"]
            {
                let of_category = parts.iter().filter(|part| part["category"] == category);
                let key = format!("{}_bytes", category.replace(' ', "_"));
                assert_eq!(
                    of_category.map(|part| bytes(part, "bytes")).sum::<u64>(),
                    bytes(&row, &key),
                    "{category}"
                );
            }
        }
    }
}

#[test]
fn text_output_shows_the_lessons_sums_and_the_formulas() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), "plan --optimizer sgd --explain --keep-inputs").succeeded();
    for line in [
        "64   1,047,632         1.00        1.05  ~1 MB",
        "256   1,748,048         1.67        1.75  ~1.7 MB",
        "1,024   4,549,712         4.34        4.55  ~4.5 MB",
        "4,096  15,756,368        15.03       15.76  ~15 MB",
        "batch            64 samples × 784 values × 4 B + 64 labels × 1 B = 200,768 B",
        "parameters       (784 × 128 + 128 + 128 × 10 + 10) × 4 B = 407,080 B",
        "activations      64 × 128 × 4 B = 32,768 B",
    ] {
        assert!(text.lines().any(|found| found.trim_start() == line), "{line} in {text}");
    }
    assert!(text.contains("Its 4.5 for batch 1024 is not"));
    let other = run(folder.path(), "plan").succeeded();
    assert!(!other.contains("~1 MB"), "the lesson is about SGD: {other}");
}

#[test]
fn a_batch_larger_than_the_dataset_is_planned_as_the_whole_dataset_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), "plan --dataset digits --batch-sizes 20000,30000").succeeded();
    assert!(
        text.contains(
            "batch size 30,000: there are only 20,000 samples to learn from, so a step takes those"
        )
    );
    assert!(!text.contains("batch size 20,000: there are only"), "{text}");
    let rows = rows(folder.path(), "--dataset digits --batch-sizes 20000,30000");
    assert_eq!(rows[0]["total_bytes"], rows[1]["total_bytes"]);
}

#[test]
fn a_budget_shows_which_batch_sizes_fit() {
    let folder = tempfile::tempdir().unwrap();
    let total = bytes(&rows(folder.path(), "--batch-sizes 256")[0], "total_bytes");
    let fits = |budget: u64| -> Vec<Value> {
        let rows = rows(folder.path(), &format!("--batch-sizes 64,256,1024 --memory-budget {budget}"));
        rows.into_iter().map(|row| row["fits"].clone()).collect()
    };
    assert_eq!(fits(total), [true, true, false]);
    assert_eq!(fits(total - 1), [true, false, false]);
    assert_eq!(rows(folder.path(), "--batch-sizes 64")[0]["fits"], Value::Null);
}

/// What a package recorded for a case, and the claim of `plan --compare` for the same network.
fn claims(case: &Value, optimizer: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let list = |key: &str| {
        let numbers = case[key].as_array().unwrap().iter().map(Value::to_string);
        Some(numbers.collect::<Vec<_>>().join(","))
            .filter(|text| !text.is_empty())
            .unwrap_or("none".to_owned())
    };
    let options = format!(
        "--input {} --hidden {} --classes {} --dropout {} --batch-sizes {} --compare {optimizer}",
        list("sample_shape"),
        list("hidden"),
        case["classes"],
        case["dropout"],
        case["batch_size"]
    );
    rows(folder.path(), &options)[0]["comparison"].as_array().unwrap().clone()
}

#[test]
fn figures_of_other_packages_match_the_recorded_ones() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/summaries.json");
    let golden: Value = serde_json::from_str(&fs::read_to_string(golden).unwrap()).unwrap();
    let versions = &golden["versions"];
    for case in golden["cases"].as_array().unwrap() {
        for (name, optimizer) in [
            ("adam", "--optimizer adam"),
            ("adamw", "--optimizer adamw"),
            ("sgd", "--optimizer sgd"),
            ("momentum", "--optimizer sgd --momentum 0.9"),
        ] {
            let claims = claims(case, optimizer);
            let claim = |package: &str| {
                let version = versions[package.to_lowercase()].as_str().unwrap();
                let title = format!("{package} {version}");
                claims
                    .iter()
                    .find(|claim| claim["package"] == title.as_str())
                    .unwrap_or_else(|| panic!("{title}"))
            };
            let prints = |package: &str| claim(package)["prints"].as_str().unwrap().to_owned();
            let total = case["torchsummary"][3].as_str().unwrap();
            assert_eq!(prints("torchsummary"), format!("Estimated Total Size (MB): {total}"), "{case}");
            // Python's own 64 bytes around the inputs' storage are recorded and not claimed.
            assert_eq!(
                bytes(claim("torchinfo"), "bytes") + 64,
                case["torchinfo"][3].as_u64().unwrap(),
                "{case}"
            );
            let [count, size] = [0, 1].map(|i| case["keras"][name]["Total"][i].clone());
            assert_eq!(bytes(claim("Keras"), "bytes"), 4 * count.as_u64().unwrap(), "{case}");
            assert_eq!(prints("Keras"), format!("Total params: {}", size.as_str().unwrap()), "{case}");
            let [step, size] = [0, 1].map(|i| case["accelerate"][i].clone());
            assert_eq!(bytes(claim("accelerate"), "bytes"), step.as_u64().unwrap(), "{case}");
            assert_eq!(
                prints("accelerate"),
                format!("Training using Adam: {}", size.as_str().unwrap()),
                "{case}"
            );
        }
    }
}

#[test]
fn pictures_show_every_buffer_and_kernel_and_need_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        "plan --batch-sizes 64 --keep-inputs --timeline step.svg --timeline step.png --timeline -";
    let text = run(folder.path(), arguments).succeeded();
    let svg = fs::read_to_string(folder.path().join("step.svg")).unwrap();
    for part in [
        "<svg xmlns=\"http://www.w3.org/2000/svg\"",
        "784-128-10 with 101,770 parameters, Adam, batch 64: 1,465,472 bytes",
        ">inputs 64×784, 200,704 B<",
        ">relu(product + bias) 64×128, 32,768 B<",
        ">gemm 784×64×128,<",
        ">parameters<",
        ">407,080 B<",
        ">32,768 B<",
        "<title>inputs 64×784: 200,704 bytes at offset 1,221,440, stages 1 to 7; batch</title>",
        ">1 MiB<",
        ">1408 KiB<",
    ] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
    assert!(!svg.contains("href") && !svg.contains("url("), "it refers to nothing");
    support::check_svg(&svg);
    let picture = Picture::read_png(&folder.path().join("step.png")).unwrap();
    assert!(support::letters(&picture, 30..60) > 30, "the title has letters");
    let bars = [
        "inputs 64×784",
        "████████████",
        "     7  gemm 784×64×128, column sums, update",
        "written to step.svg",
        "written to step.png",
    ];
    bars.iter().for_each(|part| assert!(text.contains(part), "{part} in {text}"));
}

#[test]
fn a_drawn_inputs_bar_lies_where_and_when_the_plan_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let object =
        run(folder.path(), "plan --batch-sizes 64 --keep-inputs --timeline - --format json").object();
    let timeline = &object["timeline"];
    let buffer = |name: &str| {
        let found = timeline["buffers"].as_array().unwrap().iter().find(|buffer| buffer["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {timeline}")).clone()
    };
    let (inputs, moments) = (buffer("inputs"), buffer("second moments"));
    assert_eq!([&inputs["first_stage"], &inputs["last_stage"], &inputs["bytes"]], [0, 6, 200_704]);
    assert!(inputs["offset"].as_u64() > moments["offset"].as_u64());
    assert_eq!(timeline["stages"].as_array().unwrap().len(), 7);
}

#[test]
fn the_picture_in_the_guide_is_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "plan --dataset mnist --batch-sizes 64 --timeline step.svg").succeeded();
    let shown = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/step.svg");
    let drawn = fs::read_to_string(folder.path().join("step.svg")).unwrap();
    assert!(drawn == fs::read_to_string(shown).unwrap(), "draw docs/step.svg anew, as docs/memory.md shows");
}

#[test]
fn many_layers_are_drawn_too() {
    let folder = tempfile::tempdir().unwrap();
    let hidden = ["8"; 200].join(",");
    let arguments = format!(
        "plan --hidden {hidden} --batch-sizes 2 --timeline deep.png --timeline deep.svg --timeline -"
    );
    run(folder.path(), &arguments).succeeded();
    let svg = fs::read_to_string(folder.path().join("deep.svg")).unwrap();
    assert!(svg.contains("width=\"2508\""), "{}", &svg[..200]);
}

#[test]
fn wrong_usage_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("plan --batch-sizes 64,0", "--batch-sizes: expected a whole number of at least 1, found `0`"),
        ("plan --input 1,28,28", "missing: --classes <N>"),
        ("plan --classes 10", "missing: --input <C,H,W>"),
        ("plan --input 1,28,28 --classes 10 --dataset mnist", "cannot be used with"),
        ("plan --input 1,28,28 --classes 10 --loss mse", "--loss: mse is for the numbers of a table"),
        ("plan --momentum 0.9", "--momentum: is for --optimizer sgd"),
        ("plan --timeline step.jpg", "expected - or a name that ends with .svg or .png, found `step.jpg`"),
        ("plan --dataset minst", "did you mean `mnist`?"),
        ("plan --label x", "is for tables"),
        (
            "plan --device npu",
            "--device: expected auto, cpu, gpu, cuda, metal, vulkan or dx12, those with a number as in cuda:1, or accelerator, found `npu`",
        ),
    ];
    for (arguments, expected) in cases {
        let sentence = refusal(folder.path(), &words(arguments), 2);
        assert!(sentence.contains(expected), "{arguments}: {sentence}");
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn sizes_beyond_any_machine_are_planned_or_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let rows =
        rows(folder.path(), "--input 3,224,224 --classes 1000 --hidden 16777216 --batch-sizes 1000000");
    assert!(bytes(&rows[0], "total_bytes") > 1 << 40);
    for arguments in [
        "plan --input 4294967295,4294967295 --classes 10",
        "plan --input 1000000,1000000 --classes 1000000 --hidden none --batch-sizes 9223372036854775807",
        "plan --input 1 --classes 2 --batch-sizes 18446744073709551615",
    ] {
        let run = plangrad(folder.path(), words(arguments));
        let sentence = run.refused(1);
        assert!(sentence.contains("larger than"), "{arguments}: {sentence}");
    }
}
