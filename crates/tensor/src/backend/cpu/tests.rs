//! What goes wrong in one thread of the gang must reach the caller, and no thread may hang.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::plan::Layouts;
use crate::testing::net::{Net, cpu, mixed_rows};

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

#[test]
fn a_panic_of_any_thread_reaches_the_caller_and_the_gang_goes_on() {
    for threads in [1, 2, 3, 5] {
        let gang = Gang::new(threads).unwrap();
        for culprit in 0..threads {
            let barrier = gang.barrier(threads);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                gang.run(threads, &|thread| {
                    let _watch = BreakOnPanic(&barrier);
                    for round in 0..3 {
                        if (thread, round) == (culprit, 1) {
                            panic!("a kernel failed");
                        }
                        if barrier.wait().is_err() {
                            return;
                        }
                    }
                });
            }));
            assert_eq!(message(outcome.unwrap_err()), "a kernel failed");

            let (arrived, barrier) = (AtomicUsize::new(0), gang.barrier(threads));
            gang.run(threads, &|_| {
                arrived.fetch_add(1, Ordering::AcqRel);
                barrier.wait().unwrap();
                assert_eq!(arrived.load(Ordering::Acquire), threads);
            });
        }
    }
}

/// A kernel of a damaged program indexes rows that are not there, on whichever thread has them.
#[test]
fn a_panic_within_a_kernel_reaches_the_caller_and_the_arena_goes_on() {
    let net = Net::classifier(&[12], &[8], 3);
    let (source, rows) = (net.source(30), mixed_rows(24, 30));
    let plan = net.training_plan(6);
    let layouts = Layouts::choose(std::slice::from_ref(&plan), None);
    let sound = plan.program(0, &layouts);
    let damaged = Program { batch_size: 3, ..sound.clone() };
    let batches = source.batches(&rows).unwrap().on_host();
    for threads in 1..=3 {
        let mut arena = cpu(threads).reserve_arena(plan.bytes(), &plan.report()).unwrap();
        let outcome =
            catch_unwind(AssertUnwindSafe(|| arena.run(&damaged, &Origin::Host(batches), 2).unwrap()));
        assert!(message(outcome.unwrap_err()).contains("index out of bounds"));
        arena.run(&sound, &Origin::Host(batches), 4).unwrap();
    }
}

/// A worker that waits for a gang takes up other work of its own pool, which may want the same gang.
#[test]
fn sessions_on_one_backend_can_be_run_from_the_tasks_of_another_pool() {
    let net = Net::classifier(&[12], &[8], 3);
    let backend = cpu(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let train = || {
        let (source, rows) = (net.source(30), mixed_rows(24, 30));
        let mut session = net.session(&backend, vec![net.training_plan(6)]);
        (0..20).for_each(|_| session.run(0, &source.batches(&rows).unwrap()).unwrap());
        session.metrics().unwrap().loss_sum.to_bits()
    };
    let alone = train();
    pool.scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|_| assert_eq!(train(), alone));
        }
    });
}
