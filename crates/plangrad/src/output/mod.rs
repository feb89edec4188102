//! What a command prints: results, remarks, tables.

mod console;
mod table;
mod untrusted;
mod wrap;

pub use console::{Console, Format};
pub(crate) use table::{Align, Table};
pub(crate) use untrusted::{printable, untrusted};
