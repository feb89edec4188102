//! What a peer has to say: one line of JSON.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Measurements as they come in.
#[derive(Serialize)]
pub struct Record {
    version: &'static str,
    epoch_seconds: Vec<f64>,
    first_step_seconds: Option<f64>,
    evaluation_seconds: Option<f64>,
    accuracy: Option<f64>,
    peak_mebibytes: Option<f64>,
    #[serde(skip)]
    started: f64,
    #[serde(skip)]
    epoch_started: Instant,
}

impl Record {
    /// For this version of a framework. The process started when `BENCH_START` says, or now.
    pub fn new(version: &'static str) -> Record {
        let told = std::env::var("BENCH_START").ok().and_then(|text| text.parse().ok());
        Record {
            version,
            epoch_seconds: Vec::new(),
            first_step_seconds: None,
            evaluation_seconds: None,
            accuracy: None,
            peak_mebibytes: None,
            started: told.unwrap_or_else(now),
            epoch_started: Instant::now(),
        }
    }

    pub fn epoch_begins(&mut self) {
        self.epoch_started = Instant::now();
    }

    pub fn epoch_ends(&mut self) {
        self.epoch_seconds.push(self.epoch_started.elapsed().as_secs_f64());
    }

    pub fn step_done(&mut self) {
        self.first_step_seconds.get_or_insert_with(|| now() - self.started);
    }

    /// Keeps an evaluation, of which the first, which warms caches, is replaced by the second.
    pub fn evaluated(&mut self, began: Instant, correct: usize, rows: usize) {
        self.evaluation_seconds = Some(began.elapsed().as_secs_f64());
        self.accuracy = Some(correct as f64 / rows as f64);
    }

    /// Prints the line.
    pub fn print(mut self) {
        self.peak_mebibytes = peak_mebibytes();
        println!("{}", serde_json::to_string(&self).expect("numbers and a text"));
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The most memory that was ever resident.
fn peak_mebibytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kibibytes| kibibytes / 1024.0)
}
