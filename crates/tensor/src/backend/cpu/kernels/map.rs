//! Elementwise formulas over up to two broadcast operands.
//!
//! The last dimension is computed in vectors; an operand is either stretched along it (one number) or runs along with
//! it. Leading dimensions that run together for all operands are merged first, so that arrays of one shape are one row.

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::Room;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::{Map, MapOp};
use crate::ir::{MAX_RANK, Program, Value};

/// The output as rows of `columns` elements, with the start of each operand's row a sum of strides.
struct RowLayout {
    outer: [usize; MAX_RANK],
    strides: [[usize; MAX_RANK]; 2],
    rank: usize,
    columns: usize,
    /// 1 where the operand runs along the row, 0 where it is stretched.
    steps: [usize; 2],
}

impl RowLayout {
    fn new(map: &Map) -> RowLayout {
        let dims = map.shape.dims();
        let strides = [map.inputs[0].strides, map.inputs[1].strides];
        let Some((&last, _)) = dims.split_last() else {
            return RowLayout { outer: [0; MAX_RANK], strides, rank: 0, columns: 1, steps: [0, 0] };
        };
        let mut rank = dims.len() - 1;
        let mut columns = last;
        let mut steps = [strides[0][rank], strides[1][rank]];
        // Merge the next dimension outwards while every operand continues in it.
        while rank > 0 && (0..2).all(|i| runs_on(steps[i], columns, strides[i][rank - 1], dims[rank - 1])) {
            rank -= 1;
            steps = [0, 1].map(|i| if columns == 1 { strides[i][rank] } else { steps[i] });
            columns *= dims[rank];
        }
        let mut outer = [0; MAX_RANK];
        outer[..rank].copy_from_slice(&dims[..rank]);
        RowLayout { outer, strides, rank, columns, steps }
    }

    fn count(&self) -> usize {
        self.outer[..self.rank].iter().product()
    }

    /// Where row `row` of operand `i` starts.
    #[inline(always)]
    fn start(&self, mut row: usize, i: usize) -> usize {
        let mut start = 0;
        for axis in (0..self.rank).rev() {
            start += row % self.outer[axis] * self.strides[i][axis];
            row /= self.outer[axis];
        }
        start
    }
}

/// Whether an operand that takes `step` along a row of `columns` continues into the next outer dimension.
fn runs_on(step: usize, columns: usize, outer: usize, size: usize) -> bool {
    size == 1 || if columns == 1 { outer <= 1 } else { outer == step * columns }
}

/// A unit is a block of a row, or a few short rows.
fn cut(rows: &RowLayout) -> (usize, usize) {
    let blocks = rows.columns.div_ceil(BLOCK).max(1);
    let together = (BLOCK / rows.columns.max(1)).max(1);
    (blocks, together)
}

impl Compute for Map {
    fn units(&self) -> usize {
        let rows = RowLayout::new(self);
        let (blocks, together) = cut(&rows);
        rows.count().div_ceil(together) * blocks
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        let rows = RowLayout::new(self);
        let whole = self.shape.broadcast_strides(&self.shape);
        let roles = [
            (self.inputs[0].value, self.inputs[0].strides),
            (self.inputs[1].value, self.inputs[1].strides),
            (self.output, whole),
        ];
        // Operands that lie like the output are cut like it: in blocks, where all are one row.
        let lies_alike = roles.iter().all(|&(value, strides)| value != operand || strides == whole);
        (lies_alike && rows.count() == 1).then(|| share.start * BLOCK..rows.columns.min(share.end * BLOCK))
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let rows = RowLayout::new(self);
        let (blocks, together) = cut(&rows);
        let inputs = self.inputs.map(|input| context.floats(input.value));
        let output = context.floats(self.output);
        let mut rooms = [const { Room::new() }; 3];
        for unit in share {
            let (group, block) = (unit / blocks, unit % blocks);
            let from = block * BLOCK;
            let to = if blocks == 1 { rows.columns } else { rows.columns.min(from + BLOCK) };
            for row in group * together..rows.count().min((group + 1) * together) {
                // SAFETY: rows and columns lie within the shape, which the strides map into the operands.
                unsafe {
                    let [x, y] = [0, 1].map(|i| {
                        let (start, step) = (rows.start(row, i), rows.steps[i]);
                        let count = if step == 0 { 1 } else { to - from };
                        let part = inputs[i].offset(start + from * step);
                        (part.widened::<S>(count.min(to - from), &mut rooms[i]), step)
                    });
                    let z = output.offset(row * rows.columns + from);
                    let made = z.made_in(&mut rooms[2]);
                    formula::<S>(self.op, x, y, made, to - from);
                    z.keep::<S>(made, to - from);
                }
            }
        }
    }
}

/// Computes a formula over `n` elements. An operand is its first element and the way to the next.
///
/// # Safety
/// The operands must have `elements` elements, and be called for within [`Simd::vectorize`].
#[inline(always)]
pub(super) unsafe fn formula<S: Simd>(
    op: MapOp,
    x: (*const f32, usize),
    y: (*const f32, usize),
    z: *mut f32,
    n: usize,
) {
    macro_rules! each {
        (|$x:ident, $y:ident| $value:expr) => {
            // SAFETY: the caller's contract.
            unsafe {
                row::<S>(
                    x,
                    y,
                    z,
                    n,
                    #[inline(always)]
                    |$x, $y| $value,
                )
            }
        };
    }
    // SAFETY: `splat` is called within `vectorize`.
    let (zero, one) = unsafe { (S::splat(0.0), S::splat(1.0)) };
    match op {
        MapOp::Add => each!(|x, y| S::add(x, y)),
        MapOp::Sub => each!(|x, y| S::sub(x, y)),
        MapOp::Mul => each!(|x, y| S::mul(x, y)),
        MapOp::Div => each!(|x, y| S::div(x, y)),
        MapOp::Affine { scale, shift } => each!(|x, _y| S::fma(x, S::splat(scale), S::splat(shift))),
        MapOp::Exp => each!(|x, _y| S::exp(x)),
        MapOp::Ln => each!(|x, _y| each_lane::<S>(x, libm::logf)),
        MapOp::Sqrt => each!(|x, _y| S::sqrt(x)),
        MapOp::Relu => each!(|x, _y| S::max(zero, x)),
        MapOp::ReluGrad => each!(|x, y| S::select_less(zero, y, x, zero)),
        MapOp::Tanh => each!(|x, _y| tanh::<S>(x)),
        MapOp::TanhGrad => each!(|x, y| S::mul(x, S::fnma(y, y, one))),
        MapOp::Sigmoid => each!(|x, _y| sigmoid::<S>(x)),
        MapOp::SigmoidGrad => each!(|x, y| S::mul(x, S::mul(y, S::sub(one, y)))),
        MapOp::Gelu => each!(|x, _y| S::mul(x, normal_cdf::<S>(x))),
        MapOp::GeluGrad => each!(|x, y| S::mul(x, gelu_slope::<S>(y))),
        MapOp::Abs => each!(|x, _y| S::add(S::select_less(x, zero, S::sub(zero, x), x), zero)), // −0 is 0 then
        MapOp::Sign => {
            each!(|x, _y| S::select_less(zero, x, one, S::select_less(x, zero, S::splat(-1.0), x)))
        }
        MapOp::Clamp { min, max } => each!(|x, _y| S::min(S::splat(max), S::max(S::splat(min), x))),
        MapOp::Within { min, max } => each!(|x, y| within::<S>(x, y, S::splat(min), S::splat(max))),
        MapOp::Pow { exponent } => each!(|x, _y| each_lane::<S>(x, |x| libm::powf(x, exponent))),
        MapOp::Maximum => each!(|x, y| S::select_equal(x, x, S::max(x, y), x)), // S::max keeps a NaN of y only
        MapOp::Minimum => each!(|x, y| S::select_equal(x, x, S::min(x, y), x)),
        MapOp::LargerShare => {
            each!(|x, y| S::select_less(x, y, zero, S::select_equal(x, y, S::splat(0.5), one)))
        }
        MapOp::Greater => each!(|x, y| S::select_less(y, x, one, zero)),
        MapOp::GreaterEqual => each!(|x, y| S::select_less(y, x, one, S::select_equal(x, y, one, zero))),
        MapOp::Equal => each!(|x, y| S::select_equal(x, y, one, zero)),
        MapOp::Where => each!(|x, y| S::select_equal(y, zero, zero, x)),
        MapOp::WhereNot => each!(|x, y| S::select_equal(y, zero, x, zero)),
    }
}

/// Applies `f` to `n` elements; an operand with step 0 is the same number throughout.
#[inline(always)]
unsafe fn row<S: Simd>(
    (x, x_step): (*const f32, usize),
    (y, y_step): (*const f32, usize),
    z: *mut f32,
    n: usize,
    f: impl Fn(S::V, S::V) -> S::V,
) {
    // SAFETY: an operand with step 1 has n elements, one with step 0 has one (if n > 0); z has n.
    unsafe {
        let load = |p: *const f32, step: usize, i: usize, n: usize| match (step, n == S::LANES) {
            (0, _) => S::splat(*p),
            (_, true) => S::load(p.add(i)),
            (_, false) => S::load_n(p.add(i), n),
        };
        let mut i = 0;
        while i + S::LANES <= n {
            S::store(z.add(i), f(load(x, x_step, i, S::LANES), load(y, y_step, i, S::LANES)));
            i += S::LANES;
        }
        if i < n {
            S::store_n(z.add(i), f(load(x, x_step, i, n - i), load(y, y_step, i, n - i)), n - i);
        }
    }
}

#[inline(always)]
unsafe fn each_lane<S: Simd>(x: S::V, f: impl Fn(f32) -> f32) -> S::V {
    let mut lanes = [0.0; super::super::simd::MAX_LANES];
    // SAFETY: the buffer has MAX_LANES elements.
    unsafe {
        S::store(lanes.as_mut_ptr(), x);
        lanes[..S::LANES].iter_mut().for_each(|x| *x = f(*x));
        S::load(lanes.as_ptr())
    }
}

/// x where min ≤ y ≤ max, else 0, also where y is NaN.
#[inline(always)]
unsafe fn within<S: Simd>(x: S::V, y: S::V, min: S::V, max: S::V) -> S::V {
    // SAFETY: arithmetic within `vectorize`.
    unsafe {
        let zero = S::splat(0.0);
        let ordered = S::select_equal(y, y, x, zero);
        S::select_less(y, min, zero, S::select_less(max, y, zero, ordered))
    }
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
unsafe fn sigmoid<S: Simd>(x: S::V) -> S::V {
    // SAFETY: arithmetic within `vectorize`.
    unsafe {
        let one = S::splat(1.0);
        S::div(one, S::add(one, S::exp(S::sub(S::splat(0.0), x))))
    }
}

/// tanh to 3 ulp: near zero an odd polynomial (fitted on |x| ≤ 0.625), elsewhere 1 − 2 / (e²ˣ + 1).
#[inline(always)]
unsafe fn tanh<S: Simd>(x: S::V) -> S::V {
    // SAFETY: arithmetic within `vectorize`.
    unsafe {
        let one = S::splat(1.0);
        let square = S::mul(x, x);
        let mut p = S::splat(-0.006_096_94);
        for c in [0.020_997_36, -0.053_850_95, 0.133_327_7, -0.333_333_3] {
            p = S::fma(p, square, S::splat(c));
        }
        let near = S::fma(S::mul(p, square), x, x);
        let two = S::splat(2.0);
        let far = S::sub(one, S::div(two, S::add(S::exp(S::mul(two, x)), one)));
        S::select_less(square, S::splat(0.625 * 0.625), near, far)
    }
}

/// Φ(x) = erfc(−x/√2) / 2 with erfc(z) = e^(−z²) · t · p(t), t = 1 / (1 + z/2) for z ≥ 0; p was fitted to a relative
/// error of 1.6e-7 over the whole half line, so that the far tail keeps its digits.
#[inline(always)]
unsafe fn normal_cdf<S: Simd>(x: S::V) -> S::V {
    // SAFETY: arithmetic within `vectorize`.
    unsafe {
        let (zero, one) = (S::splat(0.0), S::splat(1.0));
        let z = S::mul(S::max(x, S::sub(zero, x)), S::splat(std::f32::consts::FRAC_1_SQRT_2));
        let t = S::div(one, S::fma(z, S::splat(0.5), one));
        let mut p = S::splat(-0.025_328_72);
        for c in [
            0.063_566_46,
            0.032_485_15,
            -0.200_375_03,
            0.080_608_88,
            0.057_833_64,
            0.180_508_82,
            0.246_501_09,
            0.282_104_81,
            0.282_094_74,
        ] {
            p = S::fma(p, t, S::splat(c));
        }
        let exponent = S::sub(zero, S::mul(z, z));
        let tail = S::mul(S::mul(S::splat(0.5), t), S::mul(p, S::exp(exponent)));
        S::select_less(x, zero, tail, S::sub(one, tail))
    }
}

/// Φ(x) + x φ(x), the slope of GELU.
#[inline(always)]
unsafe fn gelu_slope<S: Simd>(x: S::V) -> S::V {
    // SAFETY: arithmetic within `vectorize`.
    unsafe {
        let density = S::mul(S::exp(S::mul(S::mul(x, x), S::splat(-0.5))), S::splat(0.398_942_3));
        S::fma(x, density, normal_cdf::<S>(x))
    }
}
