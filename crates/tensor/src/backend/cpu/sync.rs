//! The threads, atomics and locks of the gang: the standard library's, or in tests under `cfg(loom)` those of
//! [loom](https://docs.rs/loom), which tries every order in which threads can meet.

#[cfg(not(all(loom, test)))]
pub(super) use std::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    sync::{Arc, Mutex, MutexGuard},
    thread::{Builder, JoinHandle, park, yield_now},
    thread_local,
};

#[cfg(all(loom, test))]
pub(super) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    sync::{Arc, Mutex, MutexGuard},
    thread::{Builder, JoinHandle, park, yield_now},
    thread_local,
};
