//! Memory of devices: what is reserved, and what the system has left.

mod ledger;
mod system;

pub(crate) use ledger::{Ledger, Reservation};
pub use system::SystemMemory;
