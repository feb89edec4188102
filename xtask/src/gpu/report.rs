//! What a run on a GPU found out, as a page and as JSON; and the page's way into docs/benchmarks.md.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::parts;
use crate::Result;
use crate::bench::replace_between;
use crate::command::{output, program, root};

/// How a part ended.
pub(super) enum Outcome {
    Fine(String),
    Skipped(String),
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Fine(text) => f.write_str(text),
            Outcome::Skipped(reason) => write!(f, "skipped: {reason}"),
            Outcome::Failed(reason) => write!(f, "**failed**: {reason}"),
        }
    }
}

/// A part of the run.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) outcome: Outcome,
}

/// One network at one batch size: what each program took, or why that is not known.
pub(super) struct Timing {
    /// Inputs and hidden units.
    pub(super) network: (usize, usize),
    pub(super) batch_size: usize,
    pub(super) rows: Vec<(String, Result<Value>)>,
}

/// Writes `gpu.md` and `gpu.json` with what is known so far.
pub(super) fn save(out: &Path, devices: &Value, parts: &[Part], timings: &[Timing]) -> Result<()> {
    let json = format!("{:#}\n", parts::object(devices, parts, timings));
    for (name, text) in [("gpu.md", page(devices, parts, timings)), ("gpu.json", json)] {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn page(devices: &Value, parts: &[Part], timings: &[Timing]) -> String {
    let gpu = &devices["gpus"][0];
    let text = |key: &str| gpu[key].as_str().unwrap_or("unknown").to_owned();
    let date = output(program_here("date", &["-u", "+%Y-%m-%d"])).unwrap_or_default();
    let mut page = format!(
        "Measured on {} by `cargo xtask gpu`: {}, compute capability {}, driver {}, CUDA {}.\n\n| part | outcome |\n| --- | --- |\n",
        date.trim(),
        text("name"),
        text("compute_capability"),
        text("driver_version"),
        text("cuda_version"),
    );
    for Part { name, outcome } in parts {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| {name} | {} |", cell(&outcome.to_string()));
    }
    timings.iter().for_each(|timing| page += &table(timing));
    page
}

/// A table of one network at one batch size, fastest first, what failed last.
fn table(timing: &Timing) -> String {
    let (inputs, hidden) = timing.network;
    let mut text = format!(
        "\n### {inputs}-{hidden}-10, batch {}\n\n| program | µs a step | ms for 60,000 samples | TFLOP/s |\n| --- | --- | --- | --- |\n",
        timing.batch_size
    );
    let seconds = |row: &(String, Result<Value>)| {
        row.1.as_ref().ok().and_then(|value| value["step_seconds"].as_f64()).unwrap_or(f64::INFINITY)
    };
    let mut rows: Vec<&(String, Result<Value>)> = timing.rows.iter().collect();
    rows.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    let operations = (timing.batch_size * hidden * (4 * inputs + 60)) as f64;
    for row in rows {
        let (name, step) = (&row.0, seconds(row));
        let _ = match &row.1 {
            Err(reason) => writeln!(text, "| {name} | {} | | |", cell(reason)),
            Ok(_) if step.is_finite() => {
                let epoch = step * (60_000.0 / timing.batch_size as f64);
                writeln!(
                    text,
                    "| {name} | {:.1} | {:.2} | {:.2} |",
                    1e6 * step,
                    1e3 * epoch,
                    operations / step / 1e12
                )
            }
            Ok(value) => {
                let rate = value["operations_per_second"].as_f64().unwrap_or(f64::NAN);
                writeln!(text, "| {name} | | | {:.2} |", rate / 1e12)
            }
        };
    }
    text
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
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fastest_comes_first_and_what_failed_last_with_its_reason() {
        let rows = vec![
            ("slow".to_owned(), Ok(json!({ "step_seconds": 2e-6 }))),
            ("broken".to_owned(), Err("took longer | than 9 s\n".to_owned())),
            ("fast".to_owned(), Ok(json!({ "step_seconds": 1e-6 }))),
            ("cuBLAS".to_owned(), Ok(json!({ "operations_per_second": 5e13 }))),
        ];
        let text = table(&Timing { network: (784, 128), batch_size: 64, rows });
        let rows: Vec<&str> = text.lines().skip(5).collect();
        assert_eq!(rows[0], "| fast | 1.0 | 0.94 | 26.18 |");
        assert!(rows[1].starts_with("| slow | 2.0 | 1.88 |"));
        assert_eq!(rows[2], "| broken | took longer   than 9 s  | | |");
        assert_eq!(rows[3], "| cuBLAS | | | 50.00 |");
    }

    #[test]
    fn the_page_names_the_gpu_and_tells_every_part() {
        let devices = json!({ "gpus": [{ "name": "Emulated GPU", "compute_capability": "9.0", "driver_version": null }] });
        let parts = [
            Part { name: "one", outcome: Outcome::Fine("fine".into()) },
            Part { name: "two", outcome: Outcome::Failed("worse".into()) },
            Part { name: "three", outcome: Outcome::Skipped("none here".into()) },
        ];
        let page = page(&devices, &parts, &[]);
        assert!(page.contains("Emulated GPU, compute capability 9.0, driver unknown"), "{page}");
        for line in ["| one | fine |", "| two | **failed**: worse |", "| three | skipped: none here |"] {
            assert!(page.lines().any(|found| found == line), "{page}");
        }
    }
}
