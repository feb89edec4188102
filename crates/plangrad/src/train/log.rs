//! Reading `metrics.jsonl` back: line by line, so that a log of any length takes little memory.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};

/// The longest log that is read back, 4 GiB: some 60 million steps.
const MOST_BYTES: u64 = 4 << 30;
/// The longest line; those of events have a few hundred bytes, a longer one is damage.
pub(super) const MOST_LINE: u64 = 1 << 20;

/// How far the checkpoint of a run has come.
pub(super) struct Reached {
    /// Whole epochs.
    pub(super) epoch: u64,
    /// Batches of the next one.
    pub(super) batches: u64,
    /// Epochs that have been reported, the last perhaps in part.
    pub(super) epochs_told: u64,
}

/// What must be known of an event.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    event: &'a str,
    #[serde(default)]
    epoch: u64,
    #[serde(default)]
    step: u64,
}

impl Reached {
    /// Whether a line of the log is an event from before that.
    pub(super) fn before(&self, line: &[u8]) -> bool {
        let Ok(Line { event, epoch, step }) = serde_json::from_slice(line) else { return false };
        match event {
            "epoch" => epoch <= self.epochs_told,
            "step" => (epoch, step) < (self.epoch + 1, self.batches),
            "end" => false,
            _ => true,
        }
    }
}

/// Refuses a log that is longer than any run's.
pub(super) fn check_length(file: &File, path: &Path) -> Result<()> {
    let bytes = file.metadata().map_err(Error::io(path, "read"))?.len();
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    let problem = format!(
        "it has {bytes} bytes, expected at most {MOST_BYTES}; move it out of the folder to resume without it"
    );
    Err(Error::io(path, "read")(io::Error::new(ErrorKind::InvalidData, problem)))
}

/// Copies the lines that are `kept`.
pub(super) fn copy(from: impl BufRead, mut to: impl Write, kept: impl Fn(&[u8]) -> bool) -> io::Result<()> {
    each_line(from, |line| {
        if kept(line) {
            to.write_all(line)?;
            to.write_all(b"\n")?;
        }
        Ok(())
    })?;
    to.flush()
}

/// Calls `each` with every line, but those that are longer than any event's.
pub(crate) fn each_line(
    mut from: impl BufRead,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(MOST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") && line.len() as u64 == MOST_LINE {
            from.skip_until(b'\n')?;
            continue;
        }
        each(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(text: &[u8], reached: &Reached) -> Vec<u8> {
        let mut to = Vec::new();
        copy(text, &mut to, |line| reached.before(line)).unwrap();
        to
    }

    #[test]
    fn events_from_before_the_checkpoint_are_kept_and_damage_is_not() {
        let reached = Reached { epoch: 1, batches: 3, epochs_told: 1 };
        let kept = r#"{"event":"start","seed":1}
{"event":"step","epoch":1,"step":900,"loss":0.5}
{"event":"epoch","epoch":1,"train_loss":0.5}
{"event":"step","epoch":2,"step":2,"loss":0.25}
"#;
        let dropped = "{\"event\":\"step\",\"epoch\":2,\"step\":3}\n{\"event\":\"epoch\",\"epoch\":2}\nno event\n{\"event\":\"end\"}\n";
        let mut text = [kept, dropped].concat().into_bytes();
        text.extend(vec![b'x'; 3 * MOST_LINE as usize]);
        text.extend(b"\n\xff\n{\"event\":\"ste");
        assert_eq!(String::from_utf8(copied(&text, &reached)).unwrap(), kept);
    }

    #[test]
    fn a_last_line_without_its_end_is_completed() {
        let reached = Reached { epoch: 1, batches: 0, epochs_told: 1 };
        assert_eq!(copied(b"{\"event\":\"start\"}", &reached), b"{\"event\":\"start\"}\n");
    }
}
