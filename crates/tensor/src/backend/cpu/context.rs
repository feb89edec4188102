//! What kernels see of the world: the arena, where values lie in it, the dataset, and the rows of a step.

use super::floats::Floats;
use super::matrix::Matrix;
use crate::dataset::{DatasetRows, Samples, Targets};
use crate::ir::kernel::{Indices, row_at};
use crate::ir::{DType, Program, Value};

/// A dataset as kernels read it, wherever it lies, and the order of its rows.
pub(super) struct View<'a> {
    pub(super) samples: *const u8,
    pub(super) targets: *const u8,
    /// `None`: as they lie there.
    order: Option<&'a [u32]>,
}

// SAFETY: kernels only read what it points to, which nothing writes during a run and which outlives it: a dataset in
// memory of the host or the device is borrowed by the feed, and a staged batch lies in the arena, behind what plans write.
unsafe impl Sync for View<'_> {}

impl<'a> View<'a> {
    pub(super) fn new(samples: *const u8, targets: *const u8, order: Option<&'a [u32]>) -> View<'a> {
        View { samples, targets, order }
    }

    /// No dataset.
    pub(super) fn nothing() -> View<'a> {
        View::new(std::ptr::null(), std::ptr::null(), Some(&[]))
    }

    /// A dataset in host memory.
    pub(super) fn of(rows: &DatasetRows<'a>) -> View<'a> {
        let samples = match &rows.data.samples {
            Samples::U8(bytes) => bytes.as_ptr(),
            Samples::F32(values) => values.as_ptr().cast(),
        };
        let targets = match &rows.data.targets {
            Targets::Classes(labels) => labels.as_ptr(),
            Targets::WideClasses(labels) => labels.as_ptr().cast(),
            Targets::Values { values, .. } => values.as_ptr().cast(),
        };
        View::new(samples, targets, Some(rows.order))
    }

    /// Rows of a step; none past the end of the order.
    pub(super) fn batch(&self, step: usize, size: usize) -> Option<&'a [u32]> {
        self.order.map(|order| {
            let start = (step * size).min(order.len());
            &order[start..(start + size).min(order.len())]
        })
    }
}

/// What kernels see of the world: where values lie, the dataset, and the rows of this step and the next.
pub(super) struct Context<'a> {
    base: Base,
    program: &'a Program,
    pub(super) view: &'a View<'a>,
    rows: Option<&'a [u32]>,
    next: Option<&'a [u32]>,
}

/// The arena, shared by the gang.
#[derive(Clone, Copy)]
pub(super) struct Base {
    start: *mut u8,
    bytes: usize,
}

// SAFETY: a pointer may go anywhere; using it is what `execute` asks a promise for.
unsafe impl Send for Base {}
// SAFETY: as above; `Base` itself is never changed.
unsafe impl Sync for Base {}

impl Base {
    pub(super) fn new(start: *mut u8, bytes: usize) -> Base {
        Base { start, bytes }
    }

    pub(super) fn start(self) -> *mut u8 {
        self.start
    }
}

impl<'a> Context<'a> {
    pub(super) fn new(
        base: Base,
        program: &'a Program,
        view: &'a View<'a>,
        [rows, next]: [Option<&'a [u32]>; 2],
    ) -> Context<'a> {
        Context { base, program, view, rows, next }
    }

    /// Where `value` starts. Every value starts at a multiple of 4 bytes, those of 8-byte words at one of 64.
    pub(super) fn at<T>(&self, value: Value) -> *mut T {
        let offset = self.program.offsets[value.index()];
        debug_assert!(offset <= self.base.bytes, "a value starts behind the arena");
        // SAFETY: plans lay every value out within the bytes that sessions reserve for them.
        let start: *mut T = unsafe { self.base.start.add(offset) }.cast();
        debug_assert!(start.is_aligned(), "a value is not aligned");
        start
    }

    /// The numbers of `value`, in the type in which they are kept.
    pub(super) fn floats(&self, value: Value) -> Floats {
        Floats::new(self.at(value), self.program.metas[value.index()].dtype)
    }

    /// Whether the factors of products are rounded to bfloat16.
    pub(super) fn rounds_factors(&self) -> bool {
        self.program.compute == DType::Bf16
    }

    /// A value as a matrix of so many rows and columns.
    pub(super) fn matrix(&self, value: Value, (rows, columns): (usize, usize)) -> Matrix {
        let panel = self.program.layouts[value.index()].panel(columns);
        Matrix { start: self.floats(value), rows, columns, panel }
    }

    /// Label number `i` of those in `value`, of so many classes.
    ///
    /// # Safety
    /// `value` holds more than `i` labels, in the type of the labels of these classes.
    #[inline(always)]
    pub(super) unsafe fn label(&self, value: Value, i: usize, classes: usize) -> usize {
        // SAFETY: the caller's contract.
        match DType::of_labels(classes) {
            // SAFETY: the caller's contract.
            DType::U8 => usize::from(unsafe { *self.at::<u8>(value).add(i) }),
            // SAFETY: as above, with labels of two bytes.
            _ => usize::from(unsafe { *self.at::<u16>(value).add(i) }),
        }
    }

    /// The row that index number `i` of those in `indices` names, of so many; `None` where there is no such row.
    ///
    /// # Safety
    /// There are more than `i` indices.
    #[inline(always)]
    pub(super) unsafe fn row_at(&self, indices: &Indices, i: usize, rows: usize) -> Option<usize> {
        // SAFETY: the caller's contract; a value holds numbers of its type.
        let index = unsafe {
            match indices.dtype {
                DType::U8 => f32::from(*self.at::<u8>(indices.value).add(i)),
                DType::U16 => f32::from(*self.at::<u16>(indices.value).add(i)),
                _ => *self.at::<f32>(indices.value).add(i),
            }
        };
        row_at(index, rows)
    }

    /// Row of the dataset that will be number `i` of the next batch, if that is known.
    pub(super) fn next_row(&self, i: usize) -> Option<usize> {
        Some(*self.next?.get(i)? as usize)
    }

    /// Row of the dataset that is number `i` of the batch.
    pub(super) fn row(&self, i: usize) -> usize {
        self.rows.map_or(i, |rows| rows[i] as usize)
    }
}
