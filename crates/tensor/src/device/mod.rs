//! Memory of devices: what is reserved, and what the system has left.

mod ledger;
mod system;

pub(crate) use ledger::{Entry, Ledger};
pub use system::SystemMemory;
