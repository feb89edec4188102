//! CSV tables: a header row, features that are numbers, one label column.
//!
//! The whole table is read once, every cell is checked, and a seeded permutation assigns the rows to the two parts;
//! within a part they keep the order of the file. Missing values, dates and categories among the features are refused on
//! purpose: guessing what they mean would train on the guess.

mod header;
mod labels;
mod load;
mod row;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

pub(crate) use load::load;
pub use schema::TableSchema;
