//! Counts of requests and connections, as Prometheus reads them.
//!
//! Source: "Exposition formats", Prometheus's documentation, text format 0.0.4.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::status::Status;

/// Upper ends of the classes of seconds that requests are counted in.
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    statuses: [AtomicU64; Status::ALL.len()],
    /// Requests that took at most so long and longer than the class before; the last class has no end.
    seconds: [AtomicU64; SECONDS.len() + 1],
    microseconds: AtomicU64,
    /// Connections that are open, and those that ended within a request or its response.
    open: AtomicU64,
    lost: AtomicU64,
}

impl Traffic {
    /// A request that was answered, and how long after its first byte.
    pub(crate) fn answered(&self, status: Status, took: Duration) {
        let seconds = took.as_secs_f64();
        let class = SECONDS.iter().position(|&end| seconds <= end).unwrap_or(SECONDS.len());
        add(&self.statuses[status as usize], 1);
        add(&self.seconds[class], 1);
        add(&self.microseconds, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// A connection ended before its request or response did.
    pub(crate) fn lost(&self) {
        add(&self.lost, 1);
    }

    /// Counts a connection as open if fewer than `most` are.
    pub(crate) fn opens(&self, most: usize) -> bool {
        let more = |open| (open < most as u64).then_some(open + 1);
        self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    pub(crate) fn closes(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }

    /// Requests that were answered.
    pub(crate) fn requests(&self) -> u64 {
        self.statuses.iter().map(get).sum()
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        section(&mut text, "requests_total", "counter", "Requests that were answered, by status.");
        for (status, count) in Status::ALL.into_iter().zip(&self.statuses) {
            line(&mut text, &format!("requests_total{{status=\"{}\"}}", status.code()), get(count));
        }
        section(
            &mut text,
            "request_seconds",
            "histogram",
            "Seconds from a request's first byte to its response.",
        );
        let mut below = 0;
        let ends = SECONDS.map(|end| end.to_string()).into_iter().chain(["+Inf".to_owned()]);
        for (end, count) in ends.zip(&self.seconds) {
            below += get(count);
            line(&mut text, &format!("request_seconds_bucket{{le=\"{end}\"}}"), below);
        }
        line(&mut text, "request_seconds_sum", get(&self.microseconds) as f64 / 1e6);
        line(&mut text, "request_seconds_count", below);
        section(&mut text, "connections", "gauge", "Connections that are open.");
        line(&mut text, "connections", get(&self.open));
        let lost = "Connections that ended within a request or response.";
        section(&mut text, "lost_connections_total", "counter", lost);
        line(&mut text, "lost_connections_total", get(&self.lost));
        text
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Begins a metric.
pub(crate) fn section(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP plangrad_{name} {help}\n# TYPE plangrad_{name} {kind}"); // a String takes all
}

/// Writes a sample of a metric.
pub(crate) fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "plangrad_{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_seconds_are_cumulative_and_end_with_the_count() {
        let traffic = Traffic::default();
        for micros in [1, 700, 2_000_000, 60_000_000] {
            traffic.answered(Status::Ok, Duration::from_micros(micros));
        }
        traffic.answered(Status::RequestTimeout, Duration::ZERO);
        let text = traffic.text();
        for line in [
            "plangrad_requests_total{status=\"200\"} 4",
            "plangrad_requests_total{status=\"408\"} 1",
            "plangrad_request_seconds_bucket{le=\"0.0005\"} 2",
            "plangrad_request_seconds_bucket{le=\"1\"} 3",
            "plangrad_request_seconds_bucket{le=\"+Inf\"} 5",
            "plangrad_request_seconds_sum 62.000701",
            "plangrad_request_seconds_count 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert_eq!(traffic.requests(), 5);
    }

    #[test]
    fn no_more_connections_open_than_may() {
        let traffic = Traffic::default();
        assert!(traffic.opens(1) && !traffic.opens(1));
        traffic.closes();
        assert!(traffic.opens(1));
    }
}
