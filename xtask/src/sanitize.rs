//! Memory errors and data races, looked for while tests run: `cargo xtask sanitize` and `cargo xtask loom`.
//!
//! The sanitizers come with the stable toolchain, whose compiler is asked to accept the unstable flag that turns them on.
//! The standard library is not rebuilt for them; what follows from that is in `xtask/sanitizers/`, a suppressions file for
//! each with a reason at every line.

use std::process::Command;

use clap::ValueEnum;

use crate::Result;
use crate::command::{self, program, root};

/// Sanitizers need `--target`, so that they do not apply to build scripts and macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Random cases of each property: an instrumented program is several times slower.
const CASES: &str = "16";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sanitizer {
    /// Accesses outside of what was allocated, use after free, leaks
    Address,
    /// Accesses by two threads at the same time
    Thread,
}

/// How much is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What a change must pass: the library's tests under the address sanitizer. The thread sanitizer is left to a
    /// person, for it reports races inside a standard library that was not rebuilt for it, not the same in every run.
    Ci,
    /// All tests that run kernels, and whole runs of the program.
    Full,
}

/// Runs tests under one sanitizer, or under each.
pub(crate) fn run(which: Option<Sanitizer>, extent: Extent) -> Result<()> {
    let sanitizers = which.map_or(vec![Sanitizer::Address, Sanitizer::Thread], |one| vec![one]);
    sanitizers.into_iter().try_for_each(|sanitizer| {
        tests(sanitizer, extent)
            .into_iter()
            .try_for_each(|arguments| command::run(instrumented(sanitizer, arguments)))
    })
}

/// Every order in which few threads can meet, tried by loom, which replaces threads and atomics.
pub(crate) fn loom() -> Result<()> {
    let mut cargo =
        program("cargo", &["test", "--release", "--package", "plangrad-tensor", "--lib", "interleavings"]);
    cargo.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", root().join("target/loom"));
    command::run(cargo)
}

/// What to run, as arguments of `cargo test`. The CUDA kernels' tests are left out: their C++ is compiled without
/// instrumentation, and one of those tests runs them under the C++ compiler's own address sanitizer.
fn tests(sanitizer: Sanitizer, extent: Extent) -> Vec<&'static [&'static str]> {
    const LIBRARY: &[&str] = &["--package=plangrad-tensor", "--lib", "--", "--skip=backend::cuda"];
    const STEPS: &[&str] = &["--package=plangrad-tensor", "--test=training"];
    const RUNS: &[&str] = &["--package=plangrad", "--test=kept_run", "--test=checkpoints"];
    const FIT: &[&str] = &["--package=plangrad", "--lib", "--", "fit::"];
    match (sanitizer, extent) {
        (Sanitizer::Address, Extent::Ci) => vec![LIBRARY],
        (Sanitizer::Thread, Extent::Ci) => vec![],
        (_, Extent::Full) => vec![LIBRARY, STEPS, RUNS, FIT],
    }
}

fn instrumented(sanitizer: Sanitizer, arguments: &[&str]) -> Command {
    let (name, flags) = match sanitizer {
        Sanitizer::Address => ("address", "-Zsanitizer=address"),
        Sanitizer::Thread => ("thread", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"),
    };
    let mut cargo = program("cargo", &["test", "--target", TARGET]);
    cargo.args(arguments).env("RUSTC_BOOTSTRAP", "1");
    cargo.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", root().join("target/sanitize").join(name));
    let suppressions = root().join("xtask/sanitizers").join(format!("{name}.txt"));
    let options = format!("suppressions={}", suppressions.display());
    match sanitizer {
        Sanitizer::Address => cargo.env("LSAN_OPTIONS", options),
        Sanitizer::Thread => cargo.env("TSAN_OPTIONS", options),
    };
    cargo.env("PROPTEST_CASES", CASES);
    cargo
}
