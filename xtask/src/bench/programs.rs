//! plangrad itself: the program for real data, `step_time` for random data.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::measured::Report;
use super::work::{Data, Work};
use crate::Result;
use crate::command::{built, output, program, target};

/// The name of plangrad in tables.
pub(super) const OWN: &str = "plangrad";

/// What is measured of plangrad.
pub(super) struct Plangrad {
    program: PathBuf,
    step_time: PathBuf,
}

impl Plangrad {
    /// Builds it.
    pub(super) fn new() -> Result<Plangrad> {
        let step_time = ["build", "--release", "--package", "plangrad-nn", "--example", "step_time"];
        Ok(Plangrad {
            program: built(&["build", "--release", "--package", "plangrad"], "plangrad")?,
            step_time: built(&step_time, "step_time")?,
        })
    }

    pub(super) fn measure(&self, work: &Work, data: &Path, epochs: usize, round: usize) -> Result<Report> {
        if work.is_real() { self.train(work, data, epochs, round) } else { self.time_steps(work, epochs) }
    }

    fn train(&self, work: &Work, data: &Path, epochs: usize, round: usize) -> Result<Report> {
        let mut command =
            program(&self.program.display().to_string(), &["train", "--format", "json", "--overwrite"]);
        command.args(["--dataset", work.data.name(), "--hidden", &work.hidden_list()]);
        command.arg("--data-dir").arg(data).arg("--out").arg(target().join("bench-run"));
        for (option, value) in [
            ("--batch-size", work.batch),
            ("--threads", work.threads),
            ("--epochs", epochs),
            ("--seed", round + 1),
        ] {
            command.arg(option).arg(value.to_string());
        }
        let text = output(command)?;
        let events = text
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|error| format!("plangrad: {error}: {line}")));
        trained(&events.collect::<Result<Vec<Value>>>()?)
    }

    fn time_steps(&self, work: &Work, epochs: usize) -> Result<Report> {
        let positions = [work.threads, work.batch, work.data.inputs()].map(|number| number.to_string());
        let mut command =
            program(&self.step_time.display().to_string(), &positions.each_ref().map(String::as_str));
        command.arg(work.hidden_list()).arg(format!("rows={}", work.rows())).arg(format!("epochs={epochs}"));
        if matches!(work.data, Data::Regression(_)) {
            command.arg("regression");
        }
        let text = output(command)?;
        let result: Option<Value> = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        let steps = result.as_ref().and_then(|result| result["epoch_step_seconds"].as_array());
        let steps = steps.ok_or_else(|| format!("step_time printed no result: {text}"))?;
        Ok(Report { seconds: steps.iter().skip(1).filter_map(Value::as_f64).collect(), ..Report::default() })
    }
}

/// What the events of a training say.
fn trained(events: &[Value]) -> Result<Report> {
    let of = |kind: &'static str| events.iter().filter(move |event| event["event"] == kind);
    let seconds = |key: &'static str| of("epoch").filter_map(move |event| event[key].as_f64());
    let end = of("end").next().ok_or("plangrad reported no end event")?;
    let peak = of("epoch").filter_map(|event| event["peak_resident_bytes"].as_f64()).next_back();
    Ok(Report {
        seconds: seconds("train_seconds").skip(1).collect(),
        first_step: end["startup_seconds"].as_f64(),
        evaluation: seconds("eval_seconds").next_back(),
        peak_mebibytes: peak.map(|bytes| bytes / f64::from(1 << 20)),
        accuracy: end["test_accuracy"].as_f64(),
        version: None,
    })
}
