//! What separates cells and decimals, recognised by the first rows.

use std::path::Path;

use super::options::{Decimal, Separator, TableOptions};
use super::records::{Record, Records};
use crate::error::{Error, Result};
use crate::text::excerpt;

/// Rows that are looked at.
const ROWS: usize = 200;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) separator: Separator,
    pub(super) decimal: Decimal,
}

impl Dialect {
    /// What the options say, and what the first rows show.
    pub(super) fn find(path: &Path, records: &Records, options: &TableOptions) -> Result<Self> {
        let separator = options.separator.unwrap_or_else(|| separator(records));
        let decimal = match options.decimal {
            Some(decimal) => decimal,
            None => decimal(path, &records.sample(separator, ROWS), options.no_header)?,
        };
        Ok(Self { separator, decimal })
    }
}

/// The separator that gives the first row several cells and the others as many; of several, the one that gives most.
fn separator(records: &Records) -> Separator {
    let score = |separator| {
        let rows = records.sample(separator, ROWS);
        let cells = rows.first().map_or(0, Record::len);
        let alike = rows.iter().filter(|row| row.len() == cells).count();
        let is_even = cells > 1 && alike * 10 >= rows.len() * 9;
        (is_even, cells)
    };
    let mut best = (Separator::Comma, score(Separator::Comma));
    for separator in [Separator::Semicolon, Separator::Tab, Separator::Bar] {
        let score = score(separator);
        if score > best.1 {
            best = (separator, score);
        }
    }
    best.0
}

/// A comma if cells show it: `7,4` cannot be anything else. `1,234` can be a number of thousands, so it shows nothing.
fn decimal(path: &Path, rows: &[Record], no_header: bool) -> Result<Decimal> {
    let mut unclear = None;
    for row in rows.iter().skip(usize::from(!no_header)) {
        for cell in row.cells().filter(|cell| cell.contains(',')) {
            match comma(cell) {
                Comma::Decimal => return Ok(Decimal::Comma),
                Comma::Unclear if unclear.is_none() => unclear = Some((row.line, cell.to_owned())),
                Comma::Unclear | Comma::None => {}
            }
        }
    }
    match unclear {
        None => Ok(Decimal::Point),
        Some((_, found)) => Err(Error::TableDecimal { path: path.to_path_buf(), found: excerpt(&found) }),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Comma {
    /// It separates decimals.
    Decimal,
    /// It separates decimals or thousands.
    Unclear,
    /// The cell is not a number with one comma.
    None,
}

fn comma(cell: &str) -> Comma {
    let number = cell.trim_start_matches(['+', '-']);
    let Some((whole, rest)) = number.split_once(',') else { return Comma::None };
    let (fraction, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_number = exponent.parse::<i32>().is_ok();
    if !digits(whole) || !digits(fraction) || fraction.is_empty() || !exponent_is_number {
        return Comma::None;
    }
    let may_be_thousands = fraction.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    if may_be_thousands { Comma::Unclear } else { Comma::Decimal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_is_a_decimal_one_unless_it_may_separate_thousands() {
        for cell in ["7,4", "-3,51", "0,998", "1234,567", ",5", "1,5e-3"] {
            assert_eq!(comma(cell), Comma::Decimal, "{cell}");
        }
        assert_eq!((comma("1,234"), comma("12,345")), (Comma::Unclear, Comma::Unclear));
        for cell in ["a,b", "1,2,3", "1,", "1.5,2", "Doe, Mr."] {
            assert_eq!(comma(cell), Comma::None, "{cell}");
        }
    }
}
