//! A gang of threads that run one closure together, and the barrier at which they meet.
//!
//! The threads are a rayon pool of the backend's own, so nothing else can occupy a worker while others wait for it,
//! and a lock admits one run at a time. Forking is a tree of `rayon::join`, which allocates nothing.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;

/// As many threads as the backend was opened with.
pub(super) struct Gang {
    pool: rayon::ThreadPool,
    running: Mutex<()>,
}

impl Gang {
    pub(super) fn new(threads: usize) -> Result<Gang, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("plangrad-{i}"))
            .build()
            .map_err(|error| Error::Threads { threads, reason: error.to_string() })?;
        Ok(Gang { pool, running: Mutex::new(()) })
    }

    pub(super) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Calls `work(i)` for i in 0 .. threads, each on a thread of its own and all at the same time.
    pub(super) fn run(&self, work: &(dyn Fn(usize) + Sync)) {
        // A panic in `work` poisons nothing that a later run needs.
        let _one_at_a_time = self.running.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.pool.install(|| fork(0..self.threads(), work));
    }
}

/// One leaf per worker: while a leaf waits to be run some worker is idle and will steal it, so leaves may wait for
/// one another.
fn fork(range: Range<usize>, work: &(dyn Fn(usize) + Sync)) {
    match range.len() {
        0 => {}
        1 => work(range.start),
        n => {
            let middle = range.start + n / 2;
            rayon::join(|| fork(range.start..middle, work), || fork(middle..range.end, work));
        }
    }
}

/// A barrier that spins, then yields: stages take microseconds, less than it takes to wake a sleeping thread.
pub(super) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
}

/// Turns of the spinning loop (about 50 µs) before the core is offered to others.
const SPINS: u32 = 2_000;

impl Barrier {
    pub(super) fn new(threads: usize) -> Barrier {
        Barrier { threads, arrived: AtomicUsize::new(0) }
    }

    /// The units of a kernel that belong to `thread`.
    pub(super) fn share(&self, units: usize, thread: usize) -> Range<usize> {
        units * thread / self.threads..units * (thread + 1) / self.threads
    }

    /// Returns when all threads have called it as often as this one.
    pub(super) fn wait(&self) {
        if self.threads == 1 {
            return;
        }
        let ticket = self.arrived.fetch_add(1, Ordering::AcqRel) + 1;
        let goal = ticket.next_multiple_of(self.threads);
        let mut spins = 0;
        while self.arrived.load(Ordering::Acquire) < goal {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_of_the_gang_meets_the_others() {
        for threads in [1, 2, 3, 5] {
            let gang = Gang::new(threads).unwrap();
            let barrier = Barrier::new(threads);
            let before = AtomicUsize::new(0);
            gang.run(&|_| {
                for round in 1..=100 {
                    before.fetch_add(1, Ordering::AcqRel);
                    barrier.wait();
                    assert!(before.load(Ordering::Acquire) >= round * threads);
                    barrier.wait();
                }
            });
            assert_eq!(before.load(Ordering::Acquire), 100 * threads);
        }
    }

    #[test]
    fn shares_cover_all_units_once() {
        let barrier = Barrier::new(3);
        for units in [0, 1, 2, 3, 10, 64] {
            let all: Vec<usize> = (0..3).flat_map(|thread| barrier.share(units, thread)).collect();
            assert_eq!(all, (0..units).collect::<Vec<_>>());
        }
    }

    #[test]
    fn two_sessions_on_one_gang_take_turns() {
        let gang = Gang::new(2).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let barrier = Barrier::new(2);
                    (0..20).for_each(|_| gang.run(&|_| barrier.wait()));
                });
            }
        });
    }
}
