//! Every order in which few threads can meet, tried by loom: no lost wake-up, no work read after its run, and what one
//! side wrote is seen by the other.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release -p plangrad-tensor --lib interleavings
//! ```
//!
//! Threads that wait in a loop have orders without end, so only those with few preemptions are tried.

use loom::cell::UnsafeCell;

use super::*;

/// Memory that loom watches: touching it without order between the threads fails the test.
struct Watched(Vec<UnsafeCell<usize>>);

// SAFETY: that accesses are ordered is what loom finds out.
unsafe impl Sync for Watched {}

impl Watched {
    fn new(cells: usize) -> Watched {
        Watched((0..cells).map(|_| UnsafeCell::new(0)).collect())
    }

    fn get(&self, i: usize) -> usize {
        // SAFETY: as above.
        self.0[i].with(|cell| unsafe { *cell })
    }

    fn set(&self, i: usize, value: usize) {
        // SAFETY: as above.
        self.0[i].with_mut(|cell| unsafe { *cell = value });
    }
}

/// Tries every order with at most `preemptions` threads interrupted.
fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

#[test]
fn work_sees_what_the_caller_wrote_and_the_caller_what_work_wrote() {
    for (threads, preemptions) in [(2, 4), (3, 2)] {
        explore(preemptions, move || {
            let gang = Gang::new(threads).unwrap();
            let cells = Watched::new(threads);
            for round in 1..=2 {
                (0..threads).for_each(|i| cells.set(i, round));
                gang.run(threads, &|i| cells.set(i, cells.get(i) + i));
                (0..threads).for_each(|i| assert_eq!(cells.get(i), round + i));
            }
        });
    }
}

#[test]
fn what_is_written_before_a_barrier_is_read_behind_it() {
    // Loom lets two waiting threads take turns for ever while a third could arrive, so two it must be.
    explore(6, || {
        let gang = Gang::new(2).unwrap();
        let (cells, barrier) = (Watched::new(2), gang.barrier(2));
        gang.run(2, &|i| {
            let _watch = BreakOnPanic(&barrier);
            cells.set(i, i + 1);
            barrier.wait().unwrap();
            assert_eq!(cells.get(0) + cells.get(1), 3);
            barrier.wait().unwrap();
            cells.set(i, 0);
        });
    });
}

#[test]
fn two_callers_take_turns() {
    explore(2, || {
        let gang = Arc::new(Gang::new(2).unwrap());
        let cells = Arc::new(Watched::new(2));
        let run = |gang: &Gang, cells: &Watched| gang.run(2, &|i| cells.set(i, cells.get(i) + 1));
        let other = loom::thread::spawn({
            let (gang, cells) = (gang.clone(), cells.clone());
            move || run(&gang, &cells)
        });
        run(&gang, &cells);
        other.join().unwrap();
        assert_eq!([0, 1].map(|i| cells.get(i)), [2, 2]);
    });
}

#[test]
fn a_gang_that_is_never_used_is_joined() {
    explore(3, || drop(Gang::new(3).unwrap()));
}

#[test]
fn a_broken_barrier_holds_nobody() {
    explore(3, || {
        let gang = Gang::new(2).unwrap();
        let barrier = gang.barrier(2);
        gang.run(2, &|i| {
            if i == 1 {
                barrier.arrived.fetch_or(BROKEN, Ordering::AcqRel);
            } else {
                assert_eq!(barrier.wait(), Err(Broken));
            }
        });
    });
}
