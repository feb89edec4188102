//! A single kernel on arrays, on the CPU and on the emulator.
//!
//! On the emulator each array is an allocation of exactly its size, so that the address sanitizer detects any access beyond
//! it; on the CPU they lie in an arena.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::Arc;

use crate::MemoryReport;
use crate::backend::cuda::tests::gpu_with;
use crate::backend::launch::common;
use crate::backend::launch::lower;
use crate::backend::launch::lowering::{Lowering, Sizing};
use crate::backend::launch::orders::Order;
use crate::backend::launch::shared::Address;
use crate::backend::{Backend, Origin, ResidentParts};
use crate::ir::{DType, Extent, Kernel, Meta, Program, Shape, Value};
use crate::random;
use crate::testing::net::cpu;
use crate::testing::{adapters_with, emulator};

/// The orders in which threads and blocks are run: in turn, and shuffled.
const ORDERS: [u32; 3] = [0, 1, 77];

/// Arrays, and what is in them before a kernel runs.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    arrays: Vec<Array>,
    dataset: Dataset,
    sizing: Sizing,
}

/// What gathers read.
#[derive(Clone, Debug, Default)]
pub(super) struct Dataset {
    pub(super) samples: Vec<u8>,
    pub(super) targets: Vec<u8>,
    /// The batch.
    pub(super) rows: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Array {
    bytes: Vec<u8>,
    /// Starts this many bytes after a multiple of 16.
    shift: usize,
    kind: Kind,
}

/// How an array's contents are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// f32, compared within a tolerance.
    Numbers,
    /// Compared byte by byte.
    Exact,
}

/// How much numbers may differ: by a share of the array's largest, or of `of_at_least` if that is larger.
#[derive(Clone, Copy)]
pub(super) struct Tolerance {
    pub(super) share: f32,
    pub(super) of_at_least: f32,
}

impl std::fmt::Debug for Sizing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at most {} blocks", self.most_blocks)
    }
}

impl Bench {
    /// No arrays yet.
    pub(super) fn new(sizing: Sizing) -> Bench {
        Bench { arrays: Vec::new(), dataset: Dataset::default(), sizing }
    }

    /// With something to gather.
    pub(super) fn gathering(sizing: Sizing, dataset: Dataset) -> Bench {
        Bench { dataset, ..Bench::new(sizing) }
    }

    /// An array of these bytes. A shifted one does not start at a multiple of 16, like some parameters.
    pub(super) fn array(&mut self, bytes: Vec<u8>, kind: Kind, shifted: bool) -> Value {
        self.arrays.push(Array { bytes, shift: if shifted { 4 } else { 0 }, kind });
        Value(self.arrays.len() as u32 - 1)
    }

    /// An array of numbers between −1 and 1.
    pub(super) fn numbers(&mut self, count: usize, shifted: bool) -> Value {
        let stream = self.arrays.len() as u32;
        let bytes = (0..count as u64).flat_map(|i| random::uniform(3, stream, i, -1.0, 1.0).to_ne_bytes());
        self.array(bytes.collect(), Kind::Numbers, shifted)
    }

    /// An array of NaN, to be written.
    pub(super) fn output(&mut self, count: usize, shifted: bool) -> Value {
        self.array(vec![0xFF; 4 * count], Kind::Numbers, shifted)
    }

    /// Asserts that every array ends up on the emulator as on the CPU, within `tolerance`, with the same bits in every order.
    pub(super) fn check(&self, kernel: &Kernel, tolerance: Tolerance) {
        let expected = self.on_cpu(kernel);
        if let Some(found) = self.on_gpu(kernel) {
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                self.assert_close(i, found, expected, tolerance, &format!("{kernel}: array {i}, on the GPU"));
            }
        }
        for (name, adapter) in adapters_with(self.sizing) {
            for (i, (found, expected)) in self.on(&adapter, kernel).iter().zip(&expected).enumerate() {
                self.assert_close(i, found, expected, tolerance, &format!("{kernel}: array {i}, on {name}"));
            }
        }
        let mut first = None;
        for order in ORDERS {
            let Some(found) = self.on_emulator(kernel, order) else { return };
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let context = format!("{kernel}: array {i}, order {order}, {:?}", self.sizing);
                self.assert_close(i, found, expected, tolerance, &context);
            }
            let first = first.get_or_insert_with(|| found.clone());
            assert!(*first == found, "{kernel}: order {order} changes the bits");
        }
    }

    pub(super) fn assert_close(
        &self,
        i: usize,
        found: &[u8],
        expected: &[u8],
        tolerance: Tolerance,
        context: &str,
    ) {
        if self.arrays[i].kind == Kind::Exact {
            return assert_eq!(found, expected, "{context}");
        }
        let (found, expected) = (numbers(found), numbers(expected));
        let largest = |a: f32, x: &f32| if x.is_finite() { a.max(x.abs()) } else { a };
        let scale = expected.iter().fold(tolerance.of_at_least, largest);
        for (j, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let same = found == expected || found.is_nan() && expected.is_nan();
            let close = (found - expected).abs() <= tolerance.share * scale;
            assert!(same || close, "{context}, element {j}: {found} instead of {expected}");
        }
    }

    /// What the arrays hold after the kernel ran on the CPU.
    pub(super) fn on_cpu(&self, kernel: &Kernel) -> Vec<Vec<u8>> {
        self.on(&cpu(1), kernel)
    }

    /// The same on the machine's GPU, if it has one, with work cut as on the emulator: every tile is reached.
    pub(super) fn on_gpu(&self, kernel: &Kernel) -> Option<Vec<Vec<u8>>> {
        gpu_with(self.sizing).map(|gpu| self.on(&gpu, kernel))
    }

    /// The same on a device.
    fn on(&self, backend: &Backend, kernel: &Kernel) -> Vec<Vec<u8>> {
        let mut end = 0;
        let place = |array: &Array| {
            let start = usize::next_multiple_of(end, 64) + array.shift;
            end = start + array.bytes.len();
            start
        };
        let offsets: Vec<usize> = self.arrays.iter().map(place).collect();
        // Arenas of one size are seen through as many windows, for which an adapter compiles once.
        let mut arena = backend.reserve_arena(end.max(1 << 20), &MemoryReport::default()).unwrap();
        for (array, &offset) in self.arrays.iter().zip(&offsets) {
            arena.memory_mut().write(offset, &array.bytes).unwrap();
        }
        let rows = &self.dataset.rows;
        let arrays = self.dataset.arrays();
        let mut end = 0;
        let [samples, targets, order] = [0, 1, 2].map(|i| {
            let extent = Extent { offset: end, bytes: arrays[i].len() };
            end = extent.end().next_multiple_of(64);
            extent
        });
        let mut dataset = backend.reserve_memory(end, &MemoryReport::default()).unwrap();
        for (bytes, part) in arrays.iter().zip([samples, targets, order]) {
            dataset.write(part.offset, bytes).unwrap();
        }
        let parts = ResidentParts { samples, targets, order };
        let feed = Origin::Resident { memory: &*dataset, parts, order: rows };
        let stages = Arc::new(vec![vec![kernel.clone()]]);
        let program = Program {
            number: 0,
            stages,
            offsets: offsets.clone(),
            metas: Arc::new(vec![Meta::f32(Shape::new(&[]).unwrap()); offsets.len()]),
            layouts: vec![Default::default(); offsets.len()],
            compute: DType::F32,
            batch_size: rows.len(),
        };
        arena.run(&program, &feed, 1).unwrap();
        let read = |(array, &offset): (&Array, &usize)| {
            let mut bytes = vec![0; array.bytes.len()];
            arena.memory().read(offset, &mut bytes).unwrap();
            bytes
        };
        self.arrays.iter().zip(&offsets).map(read).collect()
    }

    /// The same on the emulator, if there is one.
    pub(super) fn on_emulator(&self, kernel: &Kernel, order: u32) -> Option<Vec<Vec<u8>>> {
        let emulator = emulator(order)?;
        let mut allocations: Vec<Allocation> = self.arrays.iter().map(Allocation::of).collect();
        let value = |value: Value| allocations[value.index()].address();
        let [samples, targets, rows] = self.dataset.allocations();
        let [samples, targets, rows] = [&samples, &targets, &rows].map(Allocation::address);
        let mut feed = common::Feed::new(samples, targets, rows);
        let lowering = Lowering { value: &value, feed: (&raw mut feed) as Address, sizing: self.sizing };
        for order in lower::step(&[vec![kernel.clone()]], self.dataset.rows.len(), &lowering) {
            let Order::Launch(launch) = order else { panic!("{kernel} is not a launch") };
            // SAFETY: the items name the allocations above; any other access is a bug that the test should detect.
            unsafe { emulator.launch(&launch) }.unwrap_or_else(|failure| panic!("{kernel}: {failure}"));
        }
        assert_eq!(
            feed.cursor,
            self.dataset.rows.len() as u64,
            "{kernel}: the feed has not moved on by a batch"
        );
        Some(allocations.iter_mut().map(|allocation| allocation.bytes().to_vec()).collect())
    }
}

impl Dataset {
    /// Samples, targets and order.
    fn arrays(&self) -> [Vec<u8>; 3] {
        let order = self.rows.iter().flat_map(|row| row.to_ne_bytes()).collect();
        [self.samples.clone(), self.targets.clone(), order]
    }

    /// The same, each in memory of its size.
    fn allocations(&self) -> [Allocation; 3] {
        self.arrays().map(|bytes| Allocation::of(&Array { bytes, shift: 0, kind: Kind::Exact }))
    }
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|word| f32::from_ne_bytes(*word)).collect()
}

/// Memory of exactly an array's size.
struct Allocation {
    start: *mut u8,
    layout: Layout,
    shift: usize,
    len: usize,
}

impl Allocation {
    fn of(array: &Array) -> Allocation {
        let layout = Layout::from_size_align((array.bytes.len() + array.shift).max(1), 16).unwrap();
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        let mut allocation = Allocation { start, layout, shift: array.shift, len: array.bytes.len() };
        allocation.bytes().copy_from_slice(&array.bytes);
        allocation
    }

    fn address(&self) -> Address {
        self.start as Address + self.shift as u64
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the allocation has this many bytes after its shift, zeroed at first.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(self.shift), self.len) }
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: allocated in `of` with this layout.
        unsafe { dealloc(self.start, self.layout) }
    }
}
