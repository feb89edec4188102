//! Standard output and standard error: what goes where.
//!
//! Results go to standard output, as text or as one JSON object per line; remarks, warnings, progress and errors go to
//! standard error. Standard error that takes nothing is no failure; standard output that takes nothing is one.

mod colour;
mod table;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

pub use colour::Colour;
pub(crate) use table::{Align, Table};

use crate::cli::Format;
use crate::{Error, Result};

/// Columns of a terminal that does not say how many it has.
const DEFAULT_WIDTH: usize = 80;

/// Where a command's results go.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    format: Format,
}

impl Console {
    /// A console that writes results in this format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether results are JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes a result for people; nothing in JSON.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn text(&self, text: &dyn Display) -> Result<()> {
        if self.is_json() { Ok(()) } else { write_line(text) }
    }

    /// Writes a result for programs as one line; nothing for people.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn json(&self, object: &impl Serialize) -> Result<()> {
        if !self.is_json() {
            return Ok(());
        }
        let line = serde_json::to_string(object).map_err(|error| Error::Output(error.into()))?;
        write_line(&line)
    }

    /// Writes a remark to standard error, where it is no part of the result.
    pub fn remark(text: &dyn Display) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Writes a warning to standard error.
    pub fn warning(text: &dyn Display) {
        Self::remark(&format_args!("warning: {text}"));
    }

    /// Says why the program ends: a sentence on standard error, and in JSON an object on standard output too.
    pub fn error(&self, error: &Error) {
        Self::remark(&format_args!("error: {}", error.sentence()));
        let _ = self.json(&ErrorEvent { event: "error", kind: error.kind(), message: error.sentence() });
    }

    /// The colours standard output has.
    #[must_use]
    pub fn colour(&self) -> Colour {
        if self.is_json() { Colour::None } else { Colour::detect(io::stdout().is_terminal()) }
    }

    /// Columns of the terminal; 80 where there is none.
    #[must_use]
    pub fn width() -> usize {
        terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
    }

    /// Whether someone watches standard error, so that progress may be drawn there.
    #[must_use]
    pub fn is_watched() -> bool {
        io::stderr().is_terminal()
    }
}

#[derive(Serialize)]
struct ErrorEvent {
    event: &'static str,
    kind: &'static str,
    message: String,
}

fn write_line(text: &dyn Display) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Error::Output)
}

/// A number with its thousands apart: `101,770`.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 sample`, `10,000 samples`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `3.20 GiB`, `1.82 MiB`, `3.1 KiB`, `832 bytes`
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => counted(bytes as usize, "byte"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.2} MiB", bytes as f64 / 1_048_576.0),
        1_073_741_824..1_099_511_627_776 => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
        _ => format!("{:.2} TiB", bytes as f64 / 1_099_511_627_776.0),
    }
}

/// A number of bytes with its thousands apart.
pub(crate) fn grouped_bytes(bytes: u64) -> String {
    grouped(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// A number with at most four decimals, very large and small ones with an exponent: `-0.4242`, `12`, `1.2500e-7`.
pub(crate) fn short(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e9).contains(&magnitude) {
        return format!("{number:.4e}");
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart_and_nouns_counted() {
        assert_eq!([0, 999, 101_770, 1_234_567].map(grouped), ["0", "999", "101,770", "1,234,567"]);
        assert_eq!([counted(1, "sample"), counted(1000, "sample")], ["1 sample", "1,000 samples"]);
    }

    #[test]
    fn numbers_are_written_without_idle_zeros() {
        assert_eq!([12.0, -0.424_213, 0.0, 1.5].map(short), ["12", "-0.4242", "0", "1.5"]);
        assert_eq!([1.25e-7, -3e12].map(short), ["1.2500e-7", "-3.0000e12"]);
    }
}
