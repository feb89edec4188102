//! The threads, atomics and locks of the gang: the standard library's, or in tests under `cfg(loom)` those of
//! [loom](https://docs.rs/loom), which tries every order in which threads can meet.

#[cfg(not(all(loom, test)))]
pub(super) use std::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    sync::{Arc, Mutex, MutexGuard},
    thread::{Builder, JoinHandle, Thread, park, yield_now},
    thread_local,
};

#[cfg(all(loom, test))]
pub(super) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    sync::{Arc, Mutex, MutexGuard},
    thread::{Builder, JoinHandle, Thread, park, yield_now},
    thread_local,
};

/// Wakes a parked thread, or keeps it from parking next.
pub(super) fn unpark(thread: &Thread) {
    // At an unpark loom makes all that was written before visible to the other thread, and lets that one run only behind
    // it: an order that is missing would be hidden. So the other one gets its turn before.
    #[cfg(all(loom, test))]
    yield_now();
    thread.unpark();
}
