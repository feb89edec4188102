//! Which rows are for testing: a matter of each row's cells and the seed alone.
//!
//! So rows that are added, removed or sorted change the side of no other row, and equal rows are on the same side. The
//! definition, which will never change:
//!
//! ```text
//! row hash   = first 8 bytes, little-endian, of SHA-256 over all cells of the row in the order of the file: of each its
//!              text (UTF-8, without quotes and blanks around it) and a zero byte, which no text contains; in a table that
//!              is read for a model, over the columns of the table it learnt from, in their order there
//! place      = first 8 bytes, little-endian, of SHA-256 over seed and row hash (8 bytes each, little-endian)
//! test row   = ⌊place / 2¹¹⌋ / 2⁵³ < test fraction
//! ```
//!
//! Of the other rows those are for validation whose place is likewise below the validation fraction, where the word
//! `validation` stands between seed and row hash.

use sha2::{Digest, Sha256};

use super::options::SplitRule;
use super::records::Record;
use crate::hash_split::{self, first_number, is_validation};
use crate::sampling::stream;
use crate::{LoadOptions, Permutation};

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Validation,
    Test,
    /// It has cells without a value.
    LeftOut,
}

/// The hash of a row's cells: of all in their order, or of these columns.
pub(super) fn row_hash(record: &Record, columns: Option<&[usize]>) -> u64 {
    let mut bytes = Vec::with_capacity(record.len() * 8);
    let mut push = |cell: &str| {
        bytes.extend_from_slice(cell.as_bytes());
        bytes.push(0);
    };
    match columns {
        None => record.cells().for_each(&mut push),
        Some(columns) => columns.iter().for_each(|&column| push(record.cell(column))),
    }
    first_number(&Sha256::digest(&bytes))
}

/// Whether a row with this hash is for testing.
pub(super) fn is_test(hash: u64, seed: u64, fraction: f64) -> bool {
    hash_split::is_test(&hash.to_le_bytes(), seed, fraction)
}

/// Deals the rows with these hashes, less those that are left out.
pub(super) fn deal(hashes: &[u64], is_left_out: impl Fn(usize) -> bool, options: &LoadOptions) -> Vec<Part> {
    let rule = options.table.split;
    let by_place = if rule == SplitRule::Permutation { permuted(hashes.len(), options) } else { Vec::new() };
    let part = |(row, &hash): (usize, &u64)| {
        let is_test = match rule {
            SplitRule::Hash => is_test(hash, options.seed, options.test_fraction),
            SplitRule::Permutation => by_place[row],
        };
        let key = hash.to_le_bytes();
        if is_left_out(row) {
            Part::LeftOut
        } else if is_test {
            Part::Test
        } else if is_validation(&key, options.seed, options.validation_fraction) {
            Part::Validation
        } else {
            Part::Train
        }
    };
    hashes.iter().enumerate().map(part).collect()
}

/// The rule of earlier versions: the first rows in the seed's permutation. At least one row remains for training, and of two
/// or more rows at least one is for testing if the fraction is above 0.
fn permuted(rows: usize, options: &LoadOptions) -> Vec<bool> {
    let share = (rows as f64 * options.test_fraction).round() as usize;
    let tests = if options.test_fraction > 0.0 { share.max(1) } else { 0 }.min(rows.saturating_sub(1));
    let mut order = vec![0; rows];
    Permutation::fill(&mut order, options.seed, stream::TABLE_SPLIT);
    let mut is_test = vec![false; rows];
    order[..tests].iter().for_each(|&row| is_test[row as usize] = true);
    is_test
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_uniform_and_depend_on_the_seed() {
        for seed in [0, 42] {
            let tests = (0..100_000).filter(|&hash| is_test(hash, seed, 0.2)).count();
            assert!((19_500..20_500).contains(&tests), "{tests} of 100000 rows");
        }
        let sides = |seed| (0..64).map(|hash| is_test(hash, seed, 0.5)).collect::<Vec<_>>();
        assert_ne!(sides(1), sides(2));
        assert!(!is_test(1, 1, 0.0));
    }
}
