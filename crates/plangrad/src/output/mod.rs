//! What a command prints: results, remarks, tables.

mod console;
mod table;

pub use console::{Console, Format};
pub(crate) use table::{Align, Table};
