//! Packing buffers with known lives into as little memory as there can be: which byte each begins at.
//!
//! Two buffers that live at the same time must not share a byte. No packing is smaller than the most that is alive at once,
//! so one of that size is proven to be the best, and the search for it stops there. The problem is that of *dynamic
//! storage allocation* with lives known beforehand, which is NP-hard.
//!
//! ```
//! use plangrad_tensor::packing::{Buffer, pack};
//!
//! // Three buffers that meet two by two, and one that takes the place of the first.
//! let buffers = [(0, 2, 30), (1, 4, 20), (3, 5, 10), (2, 3, 30)];
//! let buffers = buffers.map(|(lower, upper, size)| Buffer { lower, upper, size });
//! let packing = pack(&buffers, 1000)?;
//! assert_eq!((packing.total, packing.bound), (50, 50));
//! assert!(packing.is_optimal());
//! assert_eq!(packing.offsets[0], packing.offsets[3]);
//! # Ok::<(), plangrad_tensor::packing::TooLarge>(())
//! ```
//!
//! * **Simple orders** come first: each buffer takes the lowest place that is free. Most plans need no more.
//! * **Exact search** places buffers from the bottom up, in the order of their offsets, and turns back as soon as some
//!   moment cannot hold what has no place yet (`search.rs` says with which bounds). It starts again and again, each
//!   time with another order among buffers of one offset: those come first that lay where it turned back most often.
//! * What is found is [`stack`]ed again in the order of its offsets, which loses nothing. An order serves for other sizes
//!   too, and a stack of a fixed order never shrinks when a size grows: so the least of several orders does not either.
//!
//! The result follows from the buffers and the number of steps alone, never from time.
//!
//! Exact search with canonical orders, sections and dominance is that of Moffitt, *MiniMalloc: A Lightweight Memory
//! Allocator for Hardware-Accelerated Machine Learning Workloads* (ASPLOS 2023); weights of conflicts are those of
//! Boussemart et al., *Boosting systematic search by weighting constraints* (ECAI 2004).

mod buffer;
mod greedy;
mod instance;
mod search;
mod stacks;
#[cfg(test)]
mod tests;

use buffer::check;
pub use buffer::{Buffer, Packing, TooLarge};
use instance::Instance;
pub(crate) use stacks::Stacks;

/// The most bytes that are alive at once: no packing has fewer.
///
/// # Errors
/// [`TooLarge`] if all sizes together overflow.
pub fn most_alive(buffers: &[Buffer]) -> Result<usize, TooLarge> {
    Ok(Stacks::new(buffers)?.most_alive())
}

/// Packs buffers as tightly as it can, with a search of at most about so many steps, each of which places one buffer. None
/// are taken once the optimum is proven; 0 leaves it at simple orders.
///
/// # Errors
/// [`TooLarge`] if all sizes together overflow.
pub fn pack(buffers: &[Buffer], steps: usize) -> Result<Packing, TooLarge> {
    check(buffers)?;
    let instance = Instance::new(buffers);
    let bound = instance.most_alive();
    let mut best = Packing { bound, ..greedy::pack(&instance) };
    if !best.is_optimal() {
        search::improve(&instance, &mut best, steps);
    }
    let stacked = Stacks::new(buffers)?.stack(&best.order());
    Ok(Packing { bound: best.bound, ..stacked })
}

/// Places buffers in an order of theirs, each on top of the highest one below that it meets. An offset is so a maximum of
/// sums of sizes: the total never falls when a size grows. Buffers that the order leaves out are at offset 0.
///
/// ```
/// use plangrad_tensor::packing::{Buffer, stack};
///
/// let buffers = [(0, 2), (1, 3), (2, 4)].map(|(lower, upper)| Buffer { lower, upper, size: 10 });
/// assert_eq!(stack(&buffers, &[0, 1, 2])?.total, 30);
/// assert_eq!(stack(&buffers, &[0, 2, 1])?.total, 20);
/// # Ok::<(), plangrad_tensor::packing::TooLarge>(())
/// ```
///
/// # Errors
/// [`TooLarge`] if all sizes together overflow.
pub fn stack(buffers: &[Buffer], order: &[usize]) -> Result<Packing, TooLarge> {
    Ok(Stacks::new(buffers)?.stack(order))
}
