//! A training step allocates nothing, and epochs do not add up. One test, for the counter is the process's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[allow(dead_code)]
#[path = "../src/testing/net.rs"]
mod net;

use net::{ADAM, Net, cpu, mixed_rows};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Session, Source};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

fn count(bytes: i64) {
    ALLOCATIONS.fetch_add(u64::from(bytes > 0), Ordering::Relaxed);
    LIVE_BYTES.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: the system's allocator does the work; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: this method's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: this method's contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        count(-(layout.size() as i64));
        count(new as i64);
        // SAFETY: this method's contract.
        unsafe { System.realloc(p, layout, new) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: this method's contract.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs in one measurement.
const RUNS: usize = 5;

/// Allocations of `RUNS` runs of so many steps each.
fn allocations(session: &mut Session, source: &Source, rows: &[u32]) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..RUNS {
        session.run(0, &source.batches(rows).unwrap()).unwrap();
    }
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn assert_steps_allocate_nothing(session: &mut Session, source: &Source, rows: &[u32]) {
    let mut measure = |steps: usize| allocations(session, source, &rows[..steps * 4]);
    measure(2); // warms up: what a thread allocates when it parks for the first time
    // The counter is the process's: on a busy machine a thread that has just been started allocates only now.
    let pairs: Vec<(u64, u64)> = (0..3).map(|_| (measure(2), measure(200))).collect();
    assert!(pairs.contains(&(0, 0)), "allocations of {RUNS} runs of 2 and of 200 steps: {pairs:?}");
}

/// Five epochs of shuffled steps, a tail batch and an evaluation; the heap after each.
fn heap_after_each_epoch(session: &mut Session, source: &Source) -> Vec<i64> {
    let mut rows: Vec<u32> = (0..source.len() as u32).collect();
    let mut heap = Vec::with_capacity(5);
    for epoch in 0..5 {
        rows.rotate_left(7 * epoch);
        session.run(0, &source.batches(&rows[..400]).unwrap()).unwrap();
        session.run(1, &source.batches(&rows[400..403]).unwrap()).unwrap();
        session.run(2, &source.batches(&rows[..400]).unwrap()).unwrap();
        assert!(session.metrics().unwrap().loss_sum.is_finite());
        heap.push(LIVE_BYTES.load(Ordering::Relaxed));
    }
    heap
}

#[test]
fn a_step_allocates_nothing_and_memory_does_not_grow() {
    let net = Net { optimizer: ADAM, dropout: 0.1, ..Net::classifier(&[1, 6, 6], &[16, 12], 10) };
    let source = net.source(403);
    let rows = mixed_rows(800, source.len());
    let plans = || vec![net.training_plan(4), net.training_plan(3), net.evaluation_plan(100).0];
    let as_many_as_pay = || Cpu::open(CpuOptions::default()).unwrap();
    for backend in [cpu(1), cpu(2), as_many_as_pay()] {
        let mut session = net.session(&backend, plans());
        assert_steps_allocate_nothing(&mut session, &source, &rows);

        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| assert_steps_allocate_nothing(&mut session, &source, &rows));

        let heap = heap_after_each_epoch(&mut session, &source);
        assert_eq!(heap[0], heap[4], "bytes on the heap after epochs 1 to 5: {heap:?}");
    }
}
