//! Fitting takes no more of the heap than the budget allows and 256 KiB: a counting allocator says so, not the program.
//! One test, for the counter is the process's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use plangrad::fit::{Method, Options, StoppedBy, fit};
use plangrad::train::Subject;
use plangrad_data::{DatasetName, Normalize, load};
use plangrad_nn::{Activation, Loss, MlpConfig};
use plangrad_tensor::Optimizer;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};

/// The system's allocator, with a count of the bytes that any thread holds, and the most that were held at once.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

fn count(bytes: i64) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it came; the counters touch no memory of its callers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise about `pointer` and `layout` is handed on; `alloc` took it from the same allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: as for `dealloc`, and the caller's promise about `size` is handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is allowed beside the budget: plans, and the order of samples, which is host data.
const BESIDE: i64 = 256 << 10;

fn digits(hidden: Vec<usize>) -> Subject {
    let dataset = load(&DatasetName::Digits, &plangrad_data::Options::default()).unwrap();
    let network = MlpConfig {
        sample_shape: dataset.sample_shape.clone(),
        hidden,
        outputs: 10,
        activation: Activation::Relu,
        dropout: 0.0,
    };
    Subject::new(dataset, Normalize::Dataset, &network, Loss::CrossEntropy).unwrap()
}

#[test]
fn the_heap_grows_by_no_more_than_the_budget_and_256_kib() {
    let cases = [
        (1_700_000, vec![128], Method::Solve, false, false),
        (1_700_000, vec![128], Method::Double, false, false),
        (4 << 20, vec![128], Method::Double, false, false),
        (9_876_543, vec![64, 32, 16], Method::Solve, false, false),
        (24 << 20, vec![128], Method::Double, true, false),
        (80 << 20, vec![16], Method::Solve, false, true),
        (110 << 20, vec![16], Method::Double, true, true),
        (200 << 20, vec![128], Method::Solve, false, false),
    ];
    for (budget, hidden, method, accelerator, synthetic) in cases {
        let what = format!("{budget} bytes, {hidden:?}, {method:?}, {accelerator}, {synthetic}");
        let mut subject = digits(hidden);
        let options =
            CpuOptions { threads: Some(2), budget: Some(budget), accelerator, ..CpuOptions::default() };
        let backend = Cpu::open(options).unwrap();
        let options = Options {
            optimizer: Optimizer::adam(),
            eval_batch_size: None,
            method,
            safety: 0.8,
            max_batch: None,
            synthetic,
            time_limit: Duration::from_secs(30),
            is_budget_named: true,
        };
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let found = fit(&mut subject, &backend, &options, &mut |_| Ok(())).unwrap();
        let growth = PEAK.load(Ordering::Relaxed) - before;
        eprintln!("{growth} bytes: {} beside the reservation, {what}", growth - found.total_bytes as i64);
        assert!(growth <= budget as i64 + BESIDE, "{growth} bytes with {what}");
        assert!(growth >= found.total_bytes as i64, "{growth}: the counter saw no reservation with {what}");
        assert_eq!(found.measured_bytes, found.total_bytes);
        let by = if budget == 200 << 20 { StoppedBy::DatasetSize } else { StoppedBy::Budget };
        assert_eq!(found.stopped_by, by, "{what}");
        assert!(synthetic == (found.max_batch_size > 20_000), "{what}: {}", found.max_batch_size);
        drop(found);
        let kept = HELD.load(Ordering::Relaxed) - before;
        assert!(kept < 64 << 10, "{kept} bytes are kept after {what}");
    }
}
