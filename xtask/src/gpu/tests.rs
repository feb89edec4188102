//! A whole run on a machine that is imitated: every program a script.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::findings::Trouble;
use super::machine::Machine;
use super::run::measure;
use super::{parts, sanitizer};

/// A GPU on which all is well; `$1` is the command.
const PLANGRAD: &str = r#"
echo "$@" >> calls
case "$1 $*" in
devices*) echo '{"gpus":[{"name":"Imitated","compute_capability":"9.0"}],"cuda_unavailable_because":null}' ;;
fit*) echo '{"total_bytes":7,"measured_bytes":7,"next_total_bytes":8,"max_batch_size":5,"throughput":[{"batch_size":5}]}' ;;
sweep*)
  echo '{"batch_size":4096,"out_of_memory":{"needed_bytes":9,"free_bytes":8}}'
  echo '{"batch_size":64,"planned_bytes":7,"measured_bytes":7,"samples_in_equal_time":64}' ;;
*losses*) for i in $(seq 100); do echo '{"event":"step","loss":0.5}'; done ;;
*ladder*)
  echo '{"event":"oom","rung":"dataset-on-host"}'
  echo '{"event":"oom","rung":"micro-batches"}'
  echo '{"event":"start","device":"cuda:0"}' ;;
*) echo '{"event":"epoch","test_accuracy":0.98,"train_seconds":0.01,"planned_bytes":7,"measured_bytes":7}' ;;
esac"#;
const TENSOR_TESTS: &str = "echo test result: ok. 9 passed";
/// 40 TFLOP/s at batch 8192, 20 µs a step at others.
const STEP_TIME: &str = r#"
echo "step_time $@" >> calls
if [ $2 = 8192 ]; then s=0.002; else s=0.00002; fi
echo plan; echo "{\"step_seconds\": $s, \"operations_per_second\": 4e13}""#;
/// PyTorch: 50 TFLOP/s; a step in 25 µs as a graph, otherwise in 300 µs.
const PYTHON: &str = r#"
echo "python $@" >> calls
case "$*" in
-c*) echo 2.0 Imitated ;;
*matmul*) echo '{"operations_per_second": 5e13}' ;;
*graph*) echo '{"step_seconds": 0.000025}' ;;
*) echo '{"step_seconds": 0.0003}' ;;
esac"#;
/// It runs nothing that it is given.
const SANITIZER: &str = r#"
case $1 in --version) exit ;; esac
echo "========= ERROR SUMMARY: 0 errors""#;

/// A program that is a script. A shell writes it, as whoever has a file open for writing keeps all others from running it.
fn script(folder: &Path, name: &str, text: &str) {
    let write = r##"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod +x "$1""##;
    let written = Command::new("sh").args(["-c", write, "sh", name, text]).current_dir(folder).status();
    assert!(written.unwrap().success());
}

/// A folder as it is packed.
fn packed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let programs = [
        ("plangrad", PLANGRAD),
        ("tensor-tests", TENSOR_TESTS),
        ("step_time", STEP_TIME),
        ("python", PYTHON),
        ("compute-sanitizer", SANITIZER),
    ];
    for (name, text) in programs {
        script(folder.path(), name, text);
    }
    fs::create_dir(folder.path().join("out")).unwrap();
    folder
}

fn machine(folder: &Path, seconds: f64) -> Machine {
    Machine {
        folder: folder.to_owned(),
        out: folder.join("out"),
        python: "./python".into(),
        compute_sanitizer: "./compute-sanitizer".into(),
        limit: Duration::from_secs(60),
        end: Instant::now() + Duration::from_secs_f64(seconds),
    }
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// What the page says of a part or program.
fn row(page: &str, name: &str) -> String {
    let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {name} | ")));
    row.unwrap_or_else(|| panic!("{name} is not in\n{page}")).to_owned()
}

#[test]
fn where_all_is_well_every_part_and_target_is_fine_and_nothing_is_done_twice() {
    let folder = packed();
    assert_eq!(measure(&machine(folder.path(), 600.0)), Ok(()));
    let page = read(folder.path(), "out/gpu.md");
    for trouble in ["failed", "skipped", "not measured"] {
        assert!(!page.contains(trouble), "{page}");
    }
    let targets = [
        ("an MNIST epoch at batch 64 in at most 25 ms", "938 steps of 20.0 µs are 18.76 ms |"),
        ("ten times as fast as PyTorch eager", "20.0 µs a step, torch eager 300.0 µs: 15.00 times as fast |"),
        ("as fast as PyTorch with CUDA graphs", "20.0 µs a step, torch graph 25.0 µs: 1.25 times as fast |"),
        (
            "60 % of cuBLAS's tf32 rate in a step",
            "40.00 TFLOP/s at 784-4096-10, batch 8192; cuBLAS 8192³ tf32 50.00: 80.0 % |",
        ),
    ];
    for (name, outcome) in targets {
        assert_eq!(row(&page, &format!("target: {name}")), outcome);
    }
    let calls = read(folder.path(), "calls");
    let timed: Vec<&str> =
        calls.lines().filter(|call| call.starts_with("step") || call.contains("gpu.py")).collect();
    assert_eq!(timed.len(), 12 * 8 + 2);
    assert_eq!(
        timed[..2],
        ["step_time cuda 64 784 128", "python gpu.py eager --batch-size 64 --inputs 784 --hidden 128"]
    );
    assert_eq!(timed[3..5], ["step_time cuda 8192 784 4096", "step_time cuda-tf32 8192 784 4096"]);
    assert_eq!(timed[5..7], ["python gpu.py matmul", "python gpu.py matmul --tf32"]);
    assert!(timed[timed.len() - 24..].iter().all(|call| call.contains("compile")), "{timed:?}");

    assert_eq!(measure(&machine(folder.path(), 600.0)), Ok(()));
    let again = read(folder.path(), "calls").strip_prefix(&calls).unwrap().to_owned();
    assert_eq!(again, "devices --format json\n");
    assert_eq!(read(folder.path(), "out/gpu.md"), page);
}

#[test]
fn what_another_program_found_out_does_not_count() {
    let folder = packed();
    measure(&machine(folder.path(), 600.0)).unwrap();
    script(folder.path(), "step_time", "echo '{\"step_seconds\": 0.0000275}'");
    let missed = measure(&machine(folder.path(), 600.0)).unwrap_err();
    assert!(
        missed.starts_with("failed: target: an MNIST epoch at batch 64 in at most 25 ms; target: as"),
        "{missed}"
    );
}

#[test]
fn a_target_that_is_missed_fails_and_one_without_its_peer_is_skipped() {
    let folder = packed();
    let slow = STEP_TIME.replace("0.00002", "0.0000267").replace("4e13", "2.9e13");
    script(folder.path(), "step_time", &slow);
    script(
        folder.path(),
        "python",
        &PYTHON.replace("-c*)", "*graph*) exit 3 ;; *matmul*tf32) exit 4 ;; -c*)"),
    );
    let missed = measure(&machine(folder.path(), 600.0)).unwrap_err();
    let names = ["an MNIST epoch at batch 64 in at most 25 ms", "60 % of cuBLAS's f32 rate in a step"];
    assert_eq!(missed, format!("failed: {}", names.map(|name| format!("target: {name}")).join("; ")));
    let page = read(folder.path(), "out/gpu.md");
    assert_eq!(
        row(&page, &format!("target: {}", names[0])),
        "**failed**: 938 steps of 26.7 µs are 25.04 ms |"
    );
    let reason = "ended with exit status: 3; see out/time-torch-graph-784-128-64.err |";
    let expected = format!("skipped: torch graph: time-torch-graph-784-128-64 {reason}");
    assert_eq!(row(&page, "target: as fast as PyTorch with CUDA graphs"), expected);
    assert!(
        row(&page, "target: 60 % of cuBLAS's tf32 rate in a step")
            .starts_with("skipped: cuBLAS 8192³ tf32: ")
    );
}

#[test]
fn without_pytorch_targets_that_need_it_are_skipped_until_a_python_has_it() {
    let folder = packed();
    let lacks = Machine { python: "./no-python".into(), ..machine(folder.path(), 600.0) };
    assert_eq!(measure(&lacks), Ok(()));
    let page = read(folder.path(), "out/gpu.md");
    assert!(row(&page, "PyTorch").starts_with("skipped: ./no-python: "), "{page}");
    let target = row(&page, "target: ten times as fast as PyTorch eager");
    assert_eq!(target, "skipped: torch eager: there is no PyTorch here |");
    assert!(!page.contains("| torch"), "{page}");
    measure(&machine(folder.path(), 600.0)).unwrap();
    assert!(row(&read(folder.path(), "out/gpu.md"), "torch eager").starts_with("300.0 |"));
}

#[test]
fn a_start_that_runs_out_of_time_tells_what_it_knows_and_the_next_one_goes_on() {
    let folder = packed();
    script(folder.path(), "compute-sanitizer", "case $1 in --version) exit ;; esac; sleep 60 & wait");
    let started = Instant::now();
    let left = measure(&machine(folder.path(), 4.0)).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(left.starts_with("out of time, with ") && left.ends_with(" started again it goes on"), "{left}");
    let page = read(folder.path(), "out/gpu.md");
    assert!(row(&page, "five epochs").starts_with("98.00 %"), "{page}");
    for name in
        ["memcheck of a small run", "PyTorch", "target: as fast as PyTorch with CUDA graphs", "plangrad cuda"]
    {
        assert!(row(&page, name).starts_with("not measured: out of time |"), "{page}");
    }
    let calls = read(folder.path(), "calls");
    // The tool is no program of ours: what was found out with it stays.
    script(folder.path(), "compute-sanitizer", SANITIZER);
    assert_eq!(measure(&machine(folder.path(), 600.0)), Ok(()));
    let again = read(folder.path(), "calls").strip_prefix(&calls).unwrap().to_owned();
    assert!(!again.contains("train") && !again.contains("fit"), "{again}");
    assert_eq!(again.matches("step_time").count(), 24);
}

#[test]
fn a_machine_without_a_gpu_is_told_as_such_before_anything_runs() {
    let folder = packed();
    script(folder.path(), "plangrad", r#"echo '{"gpus":[],"cuda_unavailable_because":"no driver"}'"#);
    let refused = measure(&machine(folder.path(), 60.0)).unwrap_err();
    assert_eq!(refused, "there is no GPU to test here: no driver");
    assert!(!folder.path().join("out/gpu.md").exists());
}

#[test]
fn a_program_that_hangs_or_fails_is_ended_with_all_it_started_and_told() {
    let folder = packed();
    script(
        folder.path(),
        "it",
        "echo something; [ \"$1\" = hang ] || exit 3; (sleep 0.6; touch later) & wait",
    );
    let machine = machine(folder.path(), 60.0);
    let hang = machine.turn(Duration::from_millis(200)).call("it", "./it", &["hang"]);
    assert_eq!(hang.unwrap_err(), Trouble::Late(0));
    let turn = machine.turn(Duration::from_secs(30));
    let refused = turn.output("it", "./it", &[]).unwrap_err();
    assert_eq!(refused.to_string(), "**failed**: it ended with exit status: 3; see out/it.err");
    assert!(turn.output("it", "./nothing", &[]).unwrap_err().reason().starts_with("./nothing: "));
    std::thread::sleep(Duration::from_millis(800));
    assert!(!folder.path().join("later").exists());
}

#[test]
fn a_part_that_takes_too_long_has_failed_only_if_it_had_its_time() {
    let folder = packed();
    let hurried = machine(folder.path(), 0.1);
    let cut = hurried.turn(Duration::from_secs(9)).call("it", "sleep", &["60"]);
    assert_eq!(cut.unwrap_err(), Trouble::OutOfTime);
    let patient = machine(folder.path(), 60.0);
    assert_eq!(patient.turn(Duration::ZERO).call("it", "sleep", &["60"]).unwrap_err(), Trouble::Late(0));
}

#[test]
fn what_the_sanitizer_finds_fails_and_what_it_cannot_do_is_skipped() {
    let folder = packed();
    let told = |text: &str, milliseconds: u64| {
        script(folder.path(), "compute-sanitizer", &format!("case $1 in --version) exit ;; esac\n{text}"));
        let machine = Machine { limit: Duration::from_millis(milliseconds), ..machine(folder.path(), 60.0) };
        let task = sanitizer::all().into_iter().next().unwrap();
        (task.run)(&machine.turn(task.limit))
    };
    let out = "memcheck-of-a-small-run.out";
    let found = "echo ========= Invalid __global__ write; echo ========= ERROR SUMMARY: 2 errors; exit 9";
    let failed = format!("2 errors, exit status: 9; see out/{out}");
    assert_eq!(told(found, 9000), Err(Trouble::Failed(failed)));
    let hazards = "echo '========= RACECHECK SUMMARY: 1 hazard displayed (0 errors, 1 warning)'";
    assert!(matches!(told(hazards, 9000), Err(Trouble::Failed(_))));
    let unseen = "echo ========= Target application terminated before first instrumented API call; echo ========= ERROR SUMMARY: 0 errors";
    assert!(matches!(told(unseen, 9000), Err(Trouble::Failed(_))));
    assert!(matches!(told("exit 1", 9000), Err(Trouble::Failed(_))));
    let cannot = "echo ========= Device not supported. >&2; exit 1";
    assert_eq!(told(cannot, 9000), Err(Trouble::Skipped("compute-sanitizer cannot watch this GPU".into())));
    assert_eq!(told("sleep 60 & wait", 1000), Err(Trouble::Skipped("took longer than 1 s".into())));
    fs::remove_file(folder.path().join("compute-sanitizer")).unwrap();
    let machine = machine(folder.path(), 60.0);
    let [small, ..] = sanitizer::all();
    let absent = (small.run)(&machine.turn(small.limit)).unwrap_err();
    assert_eq!(absent, Trouble::Absent("compute-sanitizer is not on this machine".into()));
}

#[test]
fn a_process_that_does_not_go_on_after_a_refusal_fails() {
    let folder = packed();
    let told = |name: &str, replaced: &str, by: &str| {
        assert!(PLANGRAD.contains(replaced), "{replaced}");
        script(folder.path(), "plangrad", &PLANGRAD.replace(replaced, by));
        let machine = machine(folder.path(), 60.0);
        let task = parts::all().into_iter().find(|task| task.name == name).unwrap();
        (task.run)(&machine.turn(task.limit))
    };
    let (card, sweep) = ("the edge of the card", "a size refused, then on");
    assert!(told(card, "Imitated", "Other").unwrap().ends_with("; then 1 sizes timed"));
    assert!(
        told(sweep, "Imitated", "Other")
            .unwrap()
            .ends_with("then 64 trained with, 7 bytes planned, 7 measured")
    );
    for (name, replaced, by) in [
        (card, r#"{"batch_size":5}"#, ""),
        (card, r#""next_total_bytes":8"#, r#""next_total_bytes":null"#),
        (card, r#""measured_bytes":7,"next"#, r#""measured_bytes":6,"next"#),
        (sweep, r#"{"needed_bytes":9,"free_bytes":8}"#, "null"),
        (sweep, r#""samples_in_equal_time":64"#, r#""samples_in_equal_time":null"#),
        (sweep, r#"7,"samples"#, r#"6,"samples"#),
    ] {
        assert!(matches!(told(name, replaced, by), Err(Trouble::Failed(_))), "{name}: {by}");
    }
}
