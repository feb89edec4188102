//! The project's own tasks: `cargo xtask <task>`.

#![forbid(unsafe_code)]

mod attack;
mod bench;
mod book;
mod check;
mod circles;
mod command;
mod documented;
mod fuzz;
mod golden;
mod gpu;
mod instructions;
mod invariants;
mod kernels;
mod licences;
mod package;
mod python;
mod release;
mod sanitize;

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

use command::Result;
use sanitize::{Extent, Sanitizer};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "plangrad's own tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch datasets and verify them; the same as `plangrad download`
    #[command(disable_help_flag = true)]
    Download {
        /// Datasets and options of `plangrad download`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Everything that must hold before a change lands, cheapest first
    Ci {
        /// Seconds of fuzzing for each target; 0 for none
        #[arg(long, default_value_t = 10)]
        fuzz_seconds: u32,
    },
    /// What ARCHITECTURE.md promises: dependencies, unsafe code, printing, and no import circles
    Invariants,
    /// Attack the program: signals, failing system calls, full disks, damaged files, little memory; prints a table
    Attack(attack::Options),
    /// Time training against other frameworks and the processor's peak, and write docs/benchmarks.md
    Bench(bench::Options),
    /// Count the instructions of a step and compare them with those recorded (needs valgrind)
    Instructions(instructions::Options),
    /// Make a book of HTML pages of the documents, with mdBook, and check its links
    Book,
    /// Pack the crates as a registry would have them, and check what is in them
    Package {
        /// Build the packed crates as well, and run the examples in their documentation
        #[arg(long)]
        build: bool,
    },
    /// Build the wheel of the Python package, and try it in a virtual environment
    Python(python::Options),
    /// Pack what is published: the program for Linux with its manual, the Python wheel, and their checksums
    Release,
    /// Pack tests and measurements for a machine with a GPU, or report what they found there
    Gpu(gpu::Options),
    /// Compile the CUDA kernels to the PTX that travels in the binary, with a pinned compiler
    Kernels(kernels::Options),
    /// Run tests under the compiler's sanitizers
    Sanitize {
        /// Only this sanitizer
        sanitizer: Option<Sanitizer>,
    },
    /// Try every order in which the threads of a gang can meet
    Loom,
    /// Fuzz the parsers
    Fuzz {
        /// Seconds for each target
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Recompute the golden values with PyTorch, scikit-learn and Pillow and compare them with the committed ones
    Golden {
        /// Replace the committed values
        #[arg(long)]
        write: bool,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Download { arguments } => download(&arguments),
        Task::Ci { fuzz_seconds } => check::all(fuzz_seconds),
        Task::Invariants => invariants::check(),
        Task::Attack(options) => attack::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Instructions(options) => instructions::run(&options),
        Task::Gpu(options) => gpu::run(&options),
        Task::Book => book::make(),
        Task::Package { build } => package::check(build),
        Task::Python(options) => python::perform(&options),
        Task::Release => release::pack(),
        Task::Kernels(options) => kernels::run(&options),
        Task::Sanitize { sanitizer } => sanitize::run(sanitizer, Extent::Full),
        Task::Loom => sanitize::loom(),
        Task::Fuzz { seconds } => fuzz::run(seconds),
        Task::Golden { write } => golden::run(write),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `plangrad download`, which reports its own errors.
fn download(arguments: &[OsString]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet", "--package", "plangrad", "--", "download"]).args(arguments);
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { std::process::exit(status.code().unwrap_or(1)) }
}
