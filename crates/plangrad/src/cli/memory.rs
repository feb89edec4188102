//! Amounts of memory on the command line.

use std::fmt;
use std::str::FromStr;

use clap::Args;

/// The units, longest names first: KiB, MiB … are powers of 1024, kB, MB … of 1000.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// The memory budget.
#[derive(Args, Clone, Debug, Default)]
pub struct BudgetArgs {
    /// Memory that network, batch and everything between may take, such as 8MiB, or plain bytes [default: the free memory of the
    /// machine, less a sixteenth of its total, which is left to the system; of a GPU, less 32 MiB or a 512th]
    #[arg(long, value_name = "SIZE", help_heading = "Memory", allow_negative_numbers = true)]
    pub memory_budget: Option<Size>,
}

impl BudgetArgs {
    /// The budget in bytes, if one was named.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.memory_budget.as_ref().map(|size| size.bytes)
    }

    /// What to say about a unit of 1000s, which many take for one of 1024s.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let size = self.memory_budget.as_ref().filter(|size| size.is_decimal)?;
        let bytes = crate::numbers::grouped(usize::try_from(size.bytes).unwrap_or(usize::MAX));
        Some(format!(
            "--memory-budget {size} is {bytes} bytes, in units of 1000s; KiB, MiB and GiB are units of 1024s"
        ))
    }
}

/// An amount of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// In bytes.
    pub bytes: u64,
    /// Whether it was given in kB, MB or GB.
    pub is_decimal: bool,
    text: String,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let wrong = || {
            format!(
                "expected a number of bytes or a size such as 8MiB (KiB, MiB, GiB, TiB; kB, MB, GB, TB are units of 1000s), found \
                 `{text}`"
            )
        };
        let unit = UNITS.into_iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let bytes = bytes(number.trim_end(), unit).ok_or_else(wrong)?;
        Ok(Size { bytes, is_decimal: unit.is_multiple_of(1_000), text: text.to_owned() })
    }
}

/// `number` units, rounded down to whole bytes; `None` unless that is a number of at least 0 and below 2⁶⁴.
fn bytes(number: &str, unit: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let is_plain = number.contains('.') && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let bytes = number.parse::<f64>().ok().filter(|_| is_plain && unit > 1)? * unit as f64;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_units_of_1024s_and_of_1000s() {
        let read = |text: &str| text.parse::<Size>().map(|size| (size.bytes, size.is_decimal));
        for (text, bytes) in [
            ("0", 0),
            ("1905344", 1_905_344),
            ("1905344B", 1_905_344),
            ("8MiB", 8 << 20),
            ("8 MiB", 8 << 20),
            ("1.5KiB", 1536),
            ("0.3KiB", 307),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(read(text), Ok((bytes, false)), "{text}");
        }
        assert_eq!([read("8MB"), read("3kB")], [Ok((8_000_000, true)), Ok((3_000, true))]);
    }

    #[test]
    fn other_texts_are_refused_with_what_is_expected() {
        for text in [
            "",
            "-1",
            "8M",
            "8mib",
            "8 m",
            "MiB",
            "1e3",
            "1.5",
            "1.2.3MiB",
            "inf",
            "nanMiB",
            "99999999999GiB",
            "8KB",
        ] {
            let refused = text.parse::<Size>().unwrap_err();
            assert!(refused.ends_with(&format!("found `{text}`")), "{refused}");
        }
    }
}
