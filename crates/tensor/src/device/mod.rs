//! Memory of devices: what is reserved, and what the system has left.

mod heap;
mod ledger;
mod system;

pub use heap::share_heap;
pub(crate) use ledger::{Ledger, Reservation};
pub use system::SystemMemory;
