//! Every order in which few threads can meet, tried by loom: no lost wake-up, no work read after its run, and what one
//! side wrote is seen by the other.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release -p plangrad-tensor --lib interleavings
//! ```
//!
//! Threads that wait in a loop have orders without end, so only those with few preemptions are tried.
//!
//! That the models can fail was tried by breaking `gang.rs` on purpose, one place at a time. Which test catches what:
//!
//! | broken | caught by |
//! | --- | --- |
//! | an order is stored or loaded with `Relaxed` | `work_sees_…`, `what_is_written_…`, `two_callers_…`, `a_panic_breaks_…` |
//! | an order is not cleared, or only after `running` was decremented | `work_sees_…`, `two_callers_…`, `a_panic_breaks_…` |
//! | `run` does not unpark, or does before it stores the order | all but `a_gang_that_is_never_used_…` |
//! | `drop` does not unpark, or does before it sets `stop` | all |
//! | `running` is decremented or loaded with a weaker ordering | `work_sees_…`, `two_callers_…`, `a_panic_breaks_…` |
//! | `running` is decremented before the work, or the caller does not wait for it | `work_sees_…`, `two_callers_…`, both `a_panic_…` |
//! | `running` is set after the orders | all but `a_gang_that_is_never_used_…` and `what_is_written_…` |
//! | arrivals are counted or watched with `Relaxed` | `what_is_written_…` |
//! | a barrier waits for exactly its goal, or for one arrival too few | `what_is_written_…` |
//! | a barrier ignores that it is broken, or `BreakOnPanic` does nothing | `a_panic_breaks_…` |
//! | `BreakOnPanic` breaks the barrier without a panic | `what_is_written_…` |
//! | callers take no turns, or the turn ends before the work | `two_callers_…`, `a_panic_reaches_…` |
//! | the turn ends before the panic is taken | `a_panic_reaches_…` |
//! | a worker's panic is not caught, not kept, or kept after `running` was decremented | both `a_panic_…` |
//! | the caller's panic is not caught | `a_panic_breaks_…` |
//!
//! Every other ordering is `Relaxed` already. That a run of a plan holds a `BreakOnPanic` at all is tested without loom
//! (`a_panic_within_a_kernel_reaches_the_caller_and_the_arena_goes_on`).

use std::io::Write;

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
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(end)));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Ends the process at the first failure: the threads of a model that is unwound would wait for one another for ever. A
/// panic that belongs to a model is one that calls no hook.
fn end(failure: &std::panic::PanicHookInfo<'_>) {
    let test = std::thread::current();
    let _ = writeln!(io::stderr(), "{}: {failure}", test.name().unwrap_or_default());
    std::process::exit(101);
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
fn a_panic_breaks_the_barrier_and_reaches_the_caller() {
    for culprit in 0..2 {
        explore(3, move || {
            let gang = Gang::new(2).unwrap();
            let barrier = gang.barrier(2);
            let panic = panic_of(&gang, &|i| {
                let _watch = BreakOnPanic(&barrier);
                if i == culprit {
                    resume_unwind(Box::new(culprit));
                }
                assert_eq!(barrier.wait(), Err(Broken));
            });
            assert_eq!(panic, culprit);
            gang.run(2, &|_| ());
        });
    }
}

#[test]
fn a_panic_reaches_the_caller_whose_work_it_was() {
    explore(2, || {
        let gang = Arc::new(Gang::new(2).unwrap());
        let run = |gang: &Gang, caller: usize| {
            let panic = panic_of(gang, &|i| {
                if i == 1 {
                    resume_unwind(Box::new(caller));
                }
            });
            assert_eq!(panic, caller);
        };
        let other = loom::thread::spawn({
            let gang = gang.clone();
            move || run(&gang, 1)
        });
        run(&gang, 2);
        other.join().unwrap();
    });
}

/// The number that work on two threads panics with.
fn panic_of(gang: &Gang, work: &(dyn Fn(usize) + Sync)) -> usize {
    let outcome = catch_unwind(AssertUnwindSafe(|| gang.run(2, work)));
    *outcome.unwrap_err().downcast().unwrap()
}
