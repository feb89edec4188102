//! The command line as a whole: help, wrong usage, exit codes, colours, and where output goes.

mod support;

use std::fs::File;
use std::process::Stdio;

use support::{command, finish, refusal, run};

#[test]
fn help_shows_every_command_with_examples_and_nothing_that_is_not_built() {
    let folder = tempfile::tempdir().unwrap();
    let overview = run(folder.path(), "--help").succeeded();
    let commands = [
        "train", "eval", "predict", "show", "summary", "plan", "fit", "sweep", "report", "export", "watch",
        "search",
    ];
    for command in commands.into_iter().chain(["devices", "download", "completions", "man", "help"]) {
        assert!(overview.contains(&format!("\n  {command} ")), "{overview}");
        let help = run(folder.path(), &format!("{command} --help")).succeeded();
        assert!(help.contains("Examples:\n  plangrad ") && help.contains("--format <FORMAT>"), "{help}");
        assert!(!help.contains(" f16"), "{help}");
    }
    assert_eq!(
        run(folder.path(), "--version").succeeded(),
        format!(
            "plangrad {} (with cuda{})\n",
            env!("CARGO_PKG_VERSION"),
            if cfg!(feature = "tui") { " and tui" } else { "" }
        )
    );
    assert_eq!(run(folder.path(), "-V").succeeded(), format!("plangrad {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_of_a_command_is_what_its_option_prints() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["train", "report"] {
        let help = run(folder.path(), &format!("help {command}")).succeeded();
        assert_eq!(help, run(folder.path(), &format!("{command} --help")).succeeded());
    }
    assert_eq!(run(folder.path(), "help").succeeded(), run(folder.path(), "--help").succeeded());
    let refused = run(folder.path(), "help trian").refused(2);
    assert_eq!(refused, "unknown command `trian`; did you mean `train`?");
}

#[test]
fn shells_and_man_get_every_command_and_option() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(folder.path(), &format!("completions {shell}")).succeeded();
        assert!(script.contains("label-smoothing") && script.contains("download"), "{shell}");
    }
    let checked = folder.path().join("plangrad.bash");
    std::fs::write(&checked, run(folder.path(), "completions bash").succeeded()).unwrap();
    let bash = std::process::Command::new("bash").arg("-n").arg(&checked).status();
    assert!(bash.is_ok_and(|status| status.success()), "bash takes its script");
    assert!(run(folder.path(), "man").succeeded().contains(".TH plangrad 1"));
    let page = run(folder.path(), "man train").succeeded();
    assert!(page.contains(".TH plangrad-train 1") && page.contains("clip\\-norm"), "{page}");
}

#[test]
fn quiet_leaves_results_and_errors() {
    let folder = tempfile::tempdir().unwrap();
    let loud = run(folder.path(), "train --max-steps 2 --out loud");
    assert!(loud.stderr.contains("no --dataset given"), "{loud:?}");
    let quiet = run(folder.path(), "train --max-steps 2 --out quiet --quiet");
    assert_eq!(quiet.stderr, "");
    assert!(quiet.succeeded().contains("Done in"));
    assert!(run(folder.path(), "eval nowhere --quiet").refused(1).contains("nowhere"));
}

#[test]
fn without_a_command_the_help_is_shown_and_the_usage_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "");
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("Usage: plangrad") && run.stderr.contains("error: no command was given"));
}

#[test]
fn wrong_usage_is_one_sentence_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("trian", "unknown command `trian`; did you mean `train`?"),
        ("train --epoch 3", "unknown option `--epoch`; did you mean `--epochs`?"),
        ("train --dataset mnits", "did you mean `mnist`?"),
        ("train --dataset table.csv", "did you mean `csv:table.csv`?"),
        ("train --optimizer adm", "did you mean `adam`?"),
        ("train --normalize datset", "did you mean `dataset`?"),
        ("summary --activation rellu", "did you mean `relu`?"),
        (
            "train --device npu",
            "--device: expected auto, cpu, gpu, cuda, metal, vulkan or dx12, those with a number as in cuda:1, or accelerator, found `npu`",
        ),
        (
            "train --device cuda:",
            "--device: expected auto, cpu, gpu, cuda, metal, vulkan or dx12, those with a number as in cuda:1, or accelerator, found `cuda:`",
        ),
        (
            "sweep --devices cpu,cuda:-1",
            "--devices: expected auto, cpu, gpu, cuda, metal, vulkan or dx12, those with a number as in cuda:1, or accelerator, found `cuda:-1`",
        ),
        ("train --threads 0", "--threads: expected a whole number from 1 to 1024, found `0`"),
        ("train --threads -1", "--threads: expected a whole number from 1 to 1024, found `-1`"),
        ("train --lr -0.1", "--lr: expected a number of at least 0, found `-0.1`"),
        ("train --lr NaN", "--lr: expected a number of at least 0, found `NaN`"),
        ("train --lr 1e39", "--lr: expected a number of at least 0"),
        ("train --dropout 1", "--dropout: expected a number of at least 0 and below 1, found `1`"),
        ("train --dropout nan", "--dropout: expected"),
        ("train --batch-size 0", "--batch-size: expected a whole number of at least 1, found `0`"),
        ("train --batch-size 1e3", "--batch-size: expected a whole number of at least 1"),
        ("train --epochs 0", "--epochs: expected a whole number of at least 1, found `0`"),
        ("train --max-steps 0", "--max-steps: expected"),
        ("train --hidden 0", "--hidden: expected `none` or units such as 128"),
        ("train --hidden 128,,64", "--hidden: expected `none` or units such as 128"),
        ("summary --hidden 99999999999999999999", "--hidden: expected"),
        ("train --seed -1", "--seed: expected a whole number from 0"),
        ("train --momentum 0.9", "--momentum: is for --optimizer sgd"),
        ("train --warmup 0", "--warmup: expected a whole number of at least 1"),
        (
            "train --dataset digits --max-steps 9 --warmup 9",
            "--warmup: 9 steps of warm-up leave nothing of the run",
        ),
        ("train --clip-norm 0", "--clip-norm: expected a number above 0, found `0`"),
        ("train --label-smoothing 1", "--label-smoothing: expected a number of at least 0 and below 1"),
        ("train --class-weights 1,x", "--class-weights: expected balanced, or a number for each class"),
        ("train --class-weights 0,0", "--class-weights: expected a number above 0 for at least one class"),
        (
            "train --dataset digits --class-weights 1,2",
            "--class-weights: expected 10 numbers, one for each class, found 2",
        ),
        (
            "train --dataset csv:x.csv --loss mse --label-smoothing 0.1",
            "--label-smoothing: is for classes (--loss cross-entropy)",
        ),
        ("plan --dataset mnist --class-weights 1", "--class-weights: expected 10 numbers"),
        ("train --resume runs/a --clip-norm 1", "--resume cannot be used with --clip-norm"),
        ("train --lr-factor 0.5", "--lr-factor: is for --schedule step"),
        ("train --schedule cosine --lr-every 2", "--lr-every: is for --schedule step"),
        ("train --loss mse --dataset digits", "--loss: mse is for the numbers of a table"),
        ("train --label x --dataset digits", "--label: is for tables"),
        ("show --test-fraction 0.5 --dataset digits", "--test-fraction: is for tables"),
        ("show --test-fraction 1", "--test-fraction: expected a number of at least 0 and below 1"),
        ("train --resume runs/a --seed 7", "--resume cannot be used with --seed"),
        ("show --index 1 --random", "cannot be used with"),
        ("show --index 1 --index 2", "--index was given twice"),
        (
            "show --dataset digits --index 20000",
            "digits train has 20,000 samples, counted from 0; there is no number 20000",
        ),
        ("show --out picture.jpg", "--out: expected a name that ends with .png"),
        ("show --scale 2", "missing: --out <FILE.png>"),
        ("predict model", "missing: --index <N> or --random or --image <FILE>... or --values"),
        ("predict model --index 1 --values 1,2", "cannot be used with"),
        ("predict model --values 1,inf", "--values: expected numbers separated by commas, found `inf`"),
        ("predict model --index 1 --invert", "cannot be used with"),
        ("train --precision f16", "--precision: expected one of f32, tf32, bf16, found `f16`"),
        (
            "train --dataset digits --precision tf32",
            "--precision: tf32 needs a GPU of NVIDIA's; use f32, or name",
        ),
        (
            "sweep --dataset digits --precision tf32",
            "--precision: tf32 needs a GPU of NVIDIA's; use f32, or name",
        ),
        (
            "train --dataset digits --precision tf32 --device vulkan",
            "--precision: tf32 needs a GPU of NVIDIA's; use f32, or name one with --device cuda",
        ),
        (
            "train --dataset digits --precision bf16 --device mps",
            "--precision: bf16 is not built for GPUs; use f32",
        ),
        (
            "train --dataset digits --precision bf16 --device cuda",
            "--precision: bf16 is not built for GPUs; use f32",
        ),
        ("eval", "missing: <MODEL>"),
        ("download digits", "digits needs no download"),
        ("download minst", "unknown dataset `minst`: expected mnist, fashion-mnist, "),
        ("summary extra", "unknown argument `extra`"),
    ];
    for (arguments, expected) in cases {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let sentence = refusal(folder.path(), &arguments, 2);
        assert!(sentence.contains(expected), "{arguments:?}: {sentence}");
    }
    assert!(support::files(folder.path()).is_empty(), "wrong usage leaves nothing behind");
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path())
        .args(["show", "--dataset", "digits", "--count", "2000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_standard_output_is_a_failure_but_not_behind_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let run = |command: &mut std::process::Command| command.output().unwrap();
    let output = run(command(folder.path()).args(["summary"]).stdout(full()));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr).unwrap().starts_with("error: standard output cannot be written: ")
    );
    assert_eq!(run(command(folder.path()).args(["summary"]).stderr(full())).status.code(), Some(0));
    assert_eq!(run(command(folder.path()).args(["sumary"]).stderr(full())).status.code(), Some(2));
}

#[test]
fn colours_are_for_terminals_and_no_color_forbids_them() {
    let folder = tempfile::tempdir().unwrap();
    let show = |variables: &[(&str, &str)]| {
        let mut command = command(folder.path());
        command.args(["show", "--dataset", "digits"]).envs(variables.iter().copied());
        finish(&mut command).succeeded()
    };
    assert!(!show(&[]).contains('\x1b'));
    assert!(!show(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\x1b'));
    assert!(show(&[("CLICOLOR_FORCE", "1")]).contains("\x1b[38;5;"));
    assert!(show(&[("CLICOLOR_FORCE", "1"), ("COLORTERM", "truecolor")]).contains("\x1b[38;2;"));
    for command_name in ["--help", "train --help", "trian"] {
        let run = run(folder.path(), command_name);
        assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'));
    }
}

#[test]
fn a_missing_named_data_folder_does_not_fall_back_to_another_dataset() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for name in ["nowhere", "file"] {
        let sentence = run(folder.path(), &format!("train --data-dir {name} --max-steps 1")).refused(2);
        assert!(sentence.starts_with(&format!("--data-dir: {name} (given here or by PLANGRAD_DATA)")));
        let mut command = command(folder.path());
        assert_eq!(finish(command.arg("train").env("PLANGRAD_DATA", name)).refused(2), sentence);
        assert!(!folder.path().join("runs").exists());
    }
    run(folder.path(), "train --data-dir nowhere --dataset digits --max-steps 1").succeeded();
}

#[test]
fn without_a_dataset_the_built_in_one_is_used_with_a_hint_at_mnist() {
    let folder = tempfile::tempdir().unwrap();
    for variable in [None, Some("")] {
        let mut command = command(folder.path());
        command.arg("show").envs(variable.map(|value| ("PLANGRAD_DATA", value)));
        let run = finish(&mut command);
        assert!(
            run.stderr
                .contains("no mnist in data (`plangrad download mnist` gets it): using the built-in digits")
        );
        assert!(run.succeeded().starts_with("digits train #0\n"));
    }
}
