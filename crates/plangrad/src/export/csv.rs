//! The figures of each epoch as CSV (RFC 4180), for spreadsheets: what `metrics.jsonl` says of them.

use crate::history::{Epoch, History};

/// Names of the columns, which are those of the event `epoch`.
const COLUMNS: [&str; 13] = [
    "epoch",
    "train_loss",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
    "is_best",
    "train_seconds",
    "eval_seconds",
    "samples_per_second",
    "planned_bytes",
    "measured_bytes",
    "peak_resident_bytes",
];

/// A line for each epoch below the names of the columns; what is absent is empty.
pub(crate) fn metrics_csv(history: &History) -> String {
    let lines = history.epochs.iter().map(|epoch| cells(epoch).join(","));
    [COLUMNS.join(",")].into_iter().chain(lines).map(|line| line + "\n").collect()
}

fn cells(epoch: &Epoch) -> [String; COLUMNS.len()] {
    [
        epoch.epoch.to_string(),
        cell(epoch.train_loss),
        cell(epoch.validation_loss),
        cell(epoch.validation_accuracy),
        cell(epoch.test_loss),
        cell(epoch.test_accuracy),
        cell(epoch.is_best),
        cell(epoch.train_seconds),
        cell(epoch.eval_seconds),
        cell(epoch.samples_per_second),
        cell(epoch.planned_bytes),
        cell(epoch.measured_bytes),
        cell(epoch.peak_resident_bytes),
    ]
}

fn cell(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_is_a_line_and_what_is_absent_is_empty() {
        let epoch = Epoch { epoch: 1, train_loss: Some(0.5), is_best: Some(true), ..Epoch::default() };
        let history = History { epochs: vec![epoch], ..History::default() };
        let text = metrics_csv(&history);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("epoch,train_loss,validation_loss,"));
        assert_eq!(lines[1], "1,0.5,,,,,true,,,,,,");
        assert_eq!(metrics_csv(&History::default()).lines().count(), 1);
    }
}
