//! What a run on a GPU found out, as a page; and the page's way into docs/benchmarks.md.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::findings::{Findings, Part, Timing, Trouble};
use super::timings;
use crate::Result;
use crate::bench::replace_between;
use crate::command::{output, program, root};

/// The page.
pub(super) fn page(findings: &Findings) -> String {
    let gpu = &findings.devices["gpus"][0];
    let text = |key: &str| gpu[key].as_str().unwrap_or("unknown").to_owned();
    let mut page = format!(
        "Measured on {} by `cargo xtask gpu`: {}, compute capability {}, driver {}, CUDA {}.\n\n| part | outcome |\n| --- | --- |\n",
        findings.date,
        text("name"),
        text("compute_capability"),
        text("driver_version"),
        text("cuda_version"),
    );
    for Part { name, outcome } in findings.parts() {
        let outcome = outcome.unwrap_or_else(|trouble| trouble.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| {name} | {} |", cell(&outcome));
    }
    let timings = findings.timings();
    for network in timings::networks() {
        page += &table(network, timings.iter().filter(|timing| timing.work.network() == network));
    }
    page
}

/// A table of one network at one batch size: a product, which is no step, then the fastest first, what is not known last. What
/// cannot be known here is left out.
fn table<'a>(network: [usize; 3], timings: impl Iterator<Item = &'a Timing>) -> String {
    let [inputs, hidden, batch_size] = network;
    let mut text = format!(
        "\n### {inputs}-{hidden}-10, batch {batch_size}\n\n| program | µs a step | ms for 60,000 samples | TFLOP/s |\n| --- | --- | --- | --- |\n"
    );
    let mut timings: Vec<&Timing> =
        timings.filter(|timing| !matches!(timing.speed, Err(Trouble::Absent(_)))).collect();
    let seconds = |timing: &Timing| {
        let step = timing.speed.as_ref().map(|speed| speed.step_seconds.unwrap_or(0.0));
        step.unwrap_or(f64::INFINITY)
    };
    timings.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    timings.iter().for_each(|timing| text += &row(timing));
    text
}

fn row(timing: &Timing) -> String {
    let program = timing.work.program();
    let cells = match &timing.speed {
        Err(trouble) => format!("{} | |", cell(&trouble.to_string())),
        Ok(speed) => {
            let step = speed.step_seconds.map_or("|".to_owned(), |seconds| {
                let epoch = seconds * (60_000.0 / timing.work.batch_size as f64);
                format!("{:.1} | {:.2}", 1e6 * seconds, 1e3 * epoch)
            });
            format!("{step} | {:.2}", 1e-12 * speed.operations_per_second)
        }
    };
    format!("| {program} | {cells} |\n")
}

/// The day, in UTC.
pub(super) fn today() -> String {
    let date = output(program_here("date", &["-u", "+%Y-%m-%d"]));
    date.unwrap_or_default().trim().to_owned()
}

/// Text that does not end a table's cell.
fn cell(text: &str) -> String {
    text.replace(['\n', '|'], " ")
}

fn program_here(name: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = program(name, arguments);
    command.current_dir("."); // the folder that this was built in is not on this machine
    command
}

/// Puts the page of a run between the marks of docs/benchmarks.md.
pub(super) fn write_down(page: &Path) -> Result<()> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let benchmarks = root().join("docs/benchmarks.md");
    let content = format!("\n{}\n", read(page)?);
    let text =
        replace_between(&read(&benchmarks)?, "<!-- measured on a gpu -->\n", "<!-- end of gpu -->", &content)
            .ok_or_else(|| {
                format!(
                    "{} lacks its marks <!-- measured on a gpu --> and <!-- end of gpu -->",
                    benchmarks.display()
                )
            })?;
    fs::write(&benchmarks, text).map_err(|error| format!("{}: {error}", benchmarks.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::findings::Known;
    use crate::gpu::timings::{Peer, Speed, Work};

    fn timing(peer: Peer, speed: Known<Speed>) -> Timing {
        let work = Work { inputs: 784, hidden: 128, batch_size: 64, peer, tf32: false };
        Timing { work, speed }
    }

    fn speed(step_seconds: Option<f64>, operations_per_second: f64) -> Known<Speed> {
        Ok(Speed { step_seconds, operations_per_second })
    }

    #[test]
    fn the_fastest_comes_first_and_what_failed_last_with_its_reason() {
        let timings = [
            timing(Peer::Eager, speed(Some(2e-6), 1e13)),
            timing(Peer::Graph, Err(Trouble::Failed("took | a\nwrong turn".into()))),
            timing(Peer::Compile, Err(Trouble::Absent("not here".into()))),
            timing(Peer::Plangrad, speed(Some(1e-6), 2.618e13)),
            timing(Peer::Product, speed(None, 5e13)),
        ];
        let text = table([784, 128, 64], timings.iter());
        let rows: Vec<&str> = text.lines().skip(5).collect();
        let expected = [
            "| cuBLAS 8192³ | | | 50.00 |",
            "| plangrad cuda | 1.0 | 0.94 | 26.18 |",
            "| torch eager | 2.0 | 1.88 | 10.00 |",
            "| torch graph | **failed**: took   a wrong turn | | |",
        ];
        assert_eq!(rows, expected);
    }
}
