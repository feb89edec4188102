//! `cargo xtask ci`: all checks that a change must pass, cheapest first.

use std::time::Instant;

use crate::command::{exists, output, program, run, run_tests, skip, skipped};
use crate::sanitize::{self, Extent};
use crate::{Result, fuzz, instructions, invariants, kernels, licences, package, python};

pub(crate) fn all(fuzz_seconds: u32) -> Result<()> {
    let steps: [(&str, &dyn Fn() -> Result<()>); 17] = [
        ("format", &|| cargo(&["fmt", "--all", "--check"])),
        ("invariants", &invariants::check),
        ("licences", &licences::check),
        ("packages", &|| package::check(false)),
        ("kernels", &kernels::check),
        ("lints", &|| {
            cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
        }),
        ("lints without features", &|| {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--no-default-features",
                "--",
                "-D",
                "warnings",
            ])
        }),
        ("lints of libraries by themselves", &libraries),
        ("another architecture", &another_architecture),
        ("docs", &docs),
        ("tests", &tests),
        ("python", &python::check),
        ("a network from outside", &|| {
            let place = ["--manifest-path", "tests/outside/Cargo.toml", "--target-dir", "target/outside"];
            cargo(&[&["test", "--locked"][..], &place].concat())
        }),
        ("instructions", &instructions::check),
        ("loom", &sanitize::loom),
        ("sanitizers", &|| sanitize::run(None, Extent::Ci)),
        ("fuzzing", &|| if fuzz_seconds == 0 { Ok(()) } else { fuzz::run(fuzz_seconds) }),
    ];
    for (name, step) in steps {
        let started = Instant::now();
        step().map_err(|sentence| format!("{name}: {sentence}"))?;
        eprintln!("{name}: fine ({:.0} s)", started.elapsed().as_secs_f64());
    }
    eprintln!("\n{}", summary());
    Ok(())
}

/// What was left out, for the end of the log.
fn summary() -> String {
    let skipped: Vec<String> = skipped().into_iter().collect();
    if skipped.is_empty() {
        return "nothing was skipped".to_owned();
    }
    format!("fine, but skipped on this machine:\n  {}", skipped.join("\n  "))
}

fn cargo(arguments: &[&str]) -> Result<()> {
    run(program("cargo", arguments))
}

/// In the workspace the program turns these features on for all; by themselves the libraries must do without.
fn libraries() -> Result<()> {
    for library in ["plangrad-formats", "plangrad-data"] {
        let without = ["clippy", "--package", library, "--all-targets", "--no-default-features"];
        cargo(&[&without[..], &["--", "-D", "warnings"]].concat())?;
    }
    Ok(())
}

/// All tests, those too that `cargo test` leaves out for their length. None may be skipped for lack of a C++ compiler.
fn tests() -> Result<()> {
    let mut command = program(
        "cargo",
        &["test", "--workspace", "--all-features", "--", "--include-ignored", "--show-output"],
    );
    command.env("PLANGRAD_CI", "1");
    run_tests(command)
}

/// Compiles what only another architecture has, down to its assembly, without optimisation.
fn another_architecture() -> Result<()> {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    let installed = exists("rustup", &["--version"])
        && output(program("rustup", &["target", "list", "--installed"]))?
            .lines()
            .any(|target| target == TARGET);
    if !installed {
        skip(&format!(
            "code for {TARGET} (its standard library is not installed: rustup target add {TARGET})"
        ));
        return Ok(());
    }
    let quick = "profile.dev.package.plangrad-tensor.opt-level=0";
    cargo(&["build", "--package", "plangrad-tensor", "--lib", "--target", TARGET, "--config", quick])
}

fn docs() -> Result<()> {
    let mut command = program("cargo", &["doc", "--workspace", "--no-deps", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    run(command)
}
