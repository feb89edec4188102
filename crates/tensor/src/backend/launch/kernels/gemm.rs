//! Matrix products. `tile.rs` says how they are cut.

use crate::backend::launch::shared::{Address, Input, Output, shared};
use crate::backend::launch::formula::Formula;
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job, on_16_bytes};
use crate::backend::launch::tile::Tile;
use crate::ir::Value;
use crate::ir::kernel::{self, Left, MapOp, Sink};

shared! {
    /// What is done to the elements of a product before they are stored: x = formula(x, y).
    struct Step {
        /// y `[m, n]`, or null.
        other: Input<f32>,
        formula: Formula,
        scale: f32,
        shift: f32,
    }

    /// C\[m, n\] = steps(op(A)\[m, k\] · B\[k, n\] + bias)
    struct Gemm {
        a: Input<f32>,
        b: Input<f32>,
        c: Output<f32>,
        /// Added to each row, or null.
        bias: Input<f32>,
        /// Column sums of B, or null.
        sums: Output<f32>,
        m: u64,
        n: u64,
        k: u64,
        steps: [Step; kernel::Epilogue::MOST_STEPS],
        step_count: u32,
        tile: Tile,
        transpose_a: u32,
        accumulate: u32,
        accumulate_sums: u32,
        /// Whether four neighbours lie on 16 bytes: of A, of B, of C and what its steps read.
        vector_a: u32,
        vector_b: u32,
        vector_c: u32,
    }
}

impl Lower for kernel::Gemm {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let [a, b] = [read(&self.a), self.b].map(|value| lowering.at::<Address>(value));
        let c = lowering.at_or_null(stored(Some(&self.c)));
        step.push(job(self, [a, b, c], lowering));
    }
}

/// A job for each product.
impl Lower for kernel::BatchedGemm {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let (first, starts) = (self.first(), [self.a, self.b, self.c]);
        for item in 0..self.batch {
            let bytes = self.sizes().map(|size| 4 * (item * size) as u64);
            let operand = |i: usize| lowering.at::<Address>(starts[i]) + bytes[i];
            step.push(job(&first, [0, 1, 2].map(operand), lowering));
        }
    }
}

/// The work of a product whose A, B and C lie there.
fn job(gemm: &kernel::Gemm, [a, b, c]: [Address; 3], lowering: &Lowering<'_>) -> Job {
    let (m, n) = (gemm.m as u64, gemm.n as u64);
    let tile = (lowering.sizing.tile)(gemm);
    let kernel::Epilogue { bias, steps } = gemm.epilogue;
    let bias: Address = lowering.at_or_null(bias);
    let step_count = gemm.epilogue.steps().count() as u32;
    let steps = steps.map(|step| Step::new(step, lowering));
    let fours = |address, columns: usize| on_16_bytes(address) && columns.is_multiple_of(4);
    let others = steps.iter().map(|step| step.other.address());
    let vector_c = [c, bias].into_iter().chain(others).all(|address| fours(address, gemm.n));
    let a_columns = if gemm.transpose_a { gemm.m } else { gemm.k };
    let work = Gemm {
        a: a.into(),
        b: b.into(),
        c: c.into(),
        bias: bias.into(),
        sums: lowering.at_or_null(stored(gemm.column_sum.as_ref())),
        m,
        n,
        k: gemm.k as u64,
        steps,
        step_count,
        tile,
        transpose_a: gemm.transpose_a.into(),
        accumulate: gemm.c.adds().into(),
        accumulate_sums: gemm.column_sum.as_ref().is_some_and(Sink::adds).into(),
        vector_a: fours(a, a_columns).into(),
        vector_b: fours(b, gemm.n).into(),
        vector_c: vector_c.into(),
    };
    // There are column sums even if C has no rows.
    let rows = m.max(u64::from(gemm.column_sum.is_some()));
    let job = Job::new(work, tile.count(rows, n));
    job.with_tile(tile)
}

/// The first operand.
fn read(a: &Left) -> Value {
    a.value().expect("sessions refuse plans for this device whose products read samples")
}

/// Where sums go.
fn stored(sink: Option<&Sink>) -> Option<Value> {
    let value = |sink: &Sink| {
        sink.value().expect("sessions refuse plans for this device whose products update weights")
    };
    sink.map(value)
}

impl Step {
    /// A step of a plan's epilogue; without one anything, which is not done.
    fn new(step: Option<kernel::EpilogueStep>, lowering: &Lowering<'_>) -> Step {
        let kernel::EpilogueStep { formula, other } = step.unwrap_or(NOTHING);
        let (formula, [scale, shift]) = Formula::of(formula);
        Step { other: lowering.at_or_null(other), formula, scale, shift }
    }
}

const NOTHING: kernel::EpilogueStep = kernel::EpilogueStep { formula: MapOp::Affine { scale: 1.0, shift: 0.0 }, other: None };
