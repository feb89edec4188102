//! NVIDIA's compute-sanitizer, which finds accesses out of bounds, races, and barriers that not all threads reach.

use std::time::Duration;

use super::findings::{Known, Trouble};
use super::machine::Turn;
use super::parts::Task;

/// The part that it has.
pub(super) fn all() -> [Task; 1] {
    [Task { name: "compute-sanitizer", limit: Duration::MAX, run: Box::new(sanitize) }]
}

fn sanitize(turn: &Turn<'_>) -> Known<String> {
    let program = &*turn.machine.compute_sanitizer;
    if let Err(Trouble::Failed(_)) = turn.output("sanitizer", program, &["--version"]) {
        return Err(Trouble::Skipped("compute-sanitizer is not on this machine".into()));
    }
    for tool in ["memcheck", "racecheck", "synccheck", "initcheck"] {
        let sanitizer =
            ["--tool", tool, "--error-exitcode", "9", "./plangrad", "train", "--dataset", "digits"];
        let run = ["--device", "cuda", "--max-steps", "5", "--overwrite", "--out", "out/run-sanitizer"];
        turn.output(&format!("sanitizer-{tool}"), program, &[&sanitizer[..], &run].concat())?;
    }
    Ok("memcheck, racecheck, synccheck and initcheck find nothing".into())
}
