//! CSV tables: what a file says becomes numbers for a network, or one sentence on why it cannot.
//!
//! The input is read once from front to back: `source` decodes it, `records` divides it, `header` names the columns, and each
//! `column` collects its cells and turns out to hold numbers, words for yes and no, or categories. `split` deals the rows,
//! and `load` puts the parts together. Dates, and texts among numbers, are refused on purpose: guessing what they mean would
//! train on the guess.

mod cell;
mod column;
mod dialect;
mod footprint;
mod growing;
mod header;
mod identity;
mod labels;
mod legacy;
mod load;
mod options;
mod records;
mod rows;
mod schema;
mod source;
mod split;
mod statistics;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use load::load;
pub use load::read_table;
pub use options::{Decimal, Missing, OneHot, Separator, SplitRule, TableOptions, TargetScaling, UnknownWord};
pub use rows::{RowFacts, TableRows};
pub use schema::{FeatureKind, TableSchema};
pub use statistics::compensated_sum;
pub use target::{TargetScale, TargetStatistics};
