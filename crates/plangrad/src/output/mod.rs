//! What a command prints: results, remarks, tables.

mod console;
mod table;
mod untrusted;
mod width;
mod wrap;

pub use console::{Console, Format};
pub(crate) use table::{Align, Table};
pub(crate) use untrusted::{printable, untrusted};
#[cfg(test)]
pub(crate) use width::columns;
pub(crate) use width::{cut, shortened};
