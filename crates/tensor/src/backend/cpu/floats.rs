//! Numbers in the arena as kernels read and write them. Kernels compute in f32; what is kept in bfloat16 is widened where it is
//! loaded, and rounded to nearest even where it is stored. So a kernel is written once for whatever the plan keeps.

use std::mem::MaybeUninit;

use super::simd::Simd;
use crate::ir::{DType, bf16, from_bf16};

/// A number and those behind it, in f32 or in bfloat16.
#[derive(Clone, Copy)]
pub(super) struct Floats {
    start: *mut u8,
    /// Bytes of a number.
    size: usize,
}

/// Numbers that are widened, or still to be rounded, together.
pub(super) const ROOM: usize = 4096;

/// Room for them.
#[repr(align(64))]
pub(super) struct Room([MaybeUninit<f32>; ROOM]);

impl Room {
    #[inline(always)]
    pub(super) const fn new() -> Room {
        Room([const { MaybeUninit::uninit() }; ROOM])
    }

    #[inline(always)]
    pub(super) fn start(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }
}

// SAFETY (of every block below): the caller's contract: the numbers that are touched are there, and `S` is enabled.
impl Floats {
    /// Those that begin at `start` and are kept in `dtype`.
    pub(super) fn new(start: *mut u8, dtype: DType) -> Floats {
        debug_assert!(!dtype.is_whole(), "{dtype} are no numbers to compute with");
        Floats { start, size: dtype.size() }
    }

    /// Numbers of f32 in another place.
    #[inline(always)]
    pub(super) fn of(start: *const f32) -> Floats {
        Floats { start: start.cast_mut().cast(), size: 4 }
    }

    /// None that could be touched, for whoever asks only where they would lie.
    pub(super) fn nowhere() -> Floats {
        Floats::of(std::ptr::null())
    }

    /// Whether they are f32, which kernels compute with where they lie.
    #[inline(always)]
    pub(super) fn are_wide(self) -> bool {
        self.size == 4
    }

    /// The first one, of f32.
    #[inline(always)]
    pub(super) fn wide(self) -> *mut f32 {
        debug_assert!(self.are_wide(), "bfloat16 are not f32");
        self.start.cast()
    }

    /// Those from number `i` on.
    #[inline(always)]
    pub(super) fn offset(self, i: usize) -> Floats {
        Floats { start: self.start.wrapping_add(i * self.size), ..self }
    }

    /// Number `i`.
    #[inline(always)]
    pub(super) unsafe fn get(self, i: usize) -> f32 {
        // SAFETY: see above.
        unsafe {
            match self.are_wide() {
                true => *self.start.cast::<f32>().add(i),
                false => from_bf16(*self.start.cast::<u16>().add(i)),
            }
        }
    }

    /// Sets number `i`.
    #[inline(always)]
    pub(super) unsafe fn set(self, i: usize, x: f32) {
        // SAFETY: see above.
        unsafe {
            match self.are_wide() {
                true => *self.start.cast::<f32>().add(i) = x,
                false => *self.start.cast::<u16>().add(i) = bf16(x),
            }
        }
    }

    /// The `n <= LANES` numbers from number `i` on, zeros behind them.
    #[inline(always)]
    pub(super) unsafe fn load<S: Simd>(self, i: usize, n: usize) -> S::V {
        // SAFETY: see above.
        unsafe {
            match self.are_wide() {
                true => S::load_up_to(self.start.cast::<f32>().wrapping_add(i), n),
                false => S::load_bf16_up_to(self.start.cast::<u16>().wrapping_add(i), n),
            }
        }
    }

    /// Sets the `n <= LANES` numbers from number `i` on.
    #[inline(always)]
    pub(super) unsafe fn store<S: Simd>(self, i: usize, v: S::V, n: usize) {
        // SAFETY: see above.
        unsafe {
            match self.are_wide() {
                true => S::store_up_to(self.start.cast::<f32>().wrapping_add(i), v, n),
                false => S::store_bf16_up_to(self.start.cast::<u16>().wrapping_add(i), v, n),
            }
        }
    }

    /// The first `n <= ROOM` numbers as f32: where they lie, or widened in a room.
    #[inline(always)]
    pub(super) unsafe fn widened<S: Simd>(self, n: usize, room: &mut Room) -> *const f32 {
        if self.are_wide() {
            return self.wide();
        }
        // SAFETY: see above.
        unsafe { Floats::of(room.start()).copy::<S>(self, n) };
        room.start()
    }

    /// Where `n <= ROOM` numbers are made that [`Floats::keep`] is called for: where they will lie, or in a room.
    #[inline(always)]
    pub(super) fn made_in(self, room: &mut Room) -> *mut f32 {
        if self.are_wide() { self.wide() } else { room.start() }
    }

    /// Rounds the `n` numbers that were made in another place.
    #[inline(always)]
    pub(super) unsafe fn keep<S: Simd>(self, made: *const f32, n: usize) {
        if !self.are_wide() {
            // SAFETY: see above.
            unsafe { self.copy::<S>(Floats::of(made), n) };
        }
    }

    /// Sets the first `n` numbers to others, which do not overlap them.
    #[inline(always)]
    pub(super) unsafe fn copy<S: Simd>(self, from: Floats, n: usize) {
        for i in (0..n).step_by(S::LANES) {
            let lanes = (n - i).min(S::LANES);
            // SAFETY: see above.
            unsafe { self.store::<S>(i, from.load::<S>(i, lanes), lanes) };
        }
    }
}
