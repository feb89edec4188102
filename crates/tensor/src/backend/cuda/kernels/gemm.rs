//! Matrix products. `tile.rs` says how they are cut.

use crate::backend::cuda::cpp::{Address, Input, Output, shared};
use crate::backend::cuda::formula::Formula;
use crate::backend::cuda::lowering::{Lower, Lowering, StepBuilder, Job, on_16_bytes};
use crate::backend::cuda::tile::Tile;
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
        let (m, n) = (self.m as u64, self.n as u64);
        let tile = (lowering.sizing.tile)(self);
        let kernel::Epilogue { bias, steps } = self.epilogue;
        let bias: Address = lowering.at_or_null(bias);
        let step_count = self.epilogue.steps().count() as u32;
        let steps = steps.map(|step| Step::new(step, lowering));
        let [c, sums] = [Some(&self.c), self.column_sum.as_ref()].map(|sink| sink.map(stored));
        let [a, b] = [read(&self.a), self.b].map(|value| lowering.at::<Address>(value));
        let c: Address = lowering.at_or_null(c);
        let fours = |address, columns: usize| on_16_bytes(address) && columns.is_multiple_of(4);
        let others = steps.iter().map(|step| step.other.address());
        let vector_c = [c, bias].into_iter().chain(others).all(|address| fours(address, self.n));
        let a_columns = if self.transpose_a { self.m } else { self.k };
        let work = Gemm {
            a: a.into(),
            b: b.into(),
            c: c.into(),
            bias: bias.into(),
            sums: lowering.at_or_null(sums),
            m,
            n,
            k: self.k as u64,
            steps,
            step_count,
            tile,
            transpose_a: self.transpose_a.into(),
            accumulate: self.c.adds().into(),
            accumulate_sums: self.column_sum.as_ref().is_some_and(Sink::adds).into(),
            vector_a: fours(a, a_columns).into(),
            vector_b: fours(b, self.n).into(),
            vector_c: vector_c.into(),
        };
        // There are column sums even if C has no rows.
        let rows = m.max(u64::from(self.column_sum.is_some()));
        let job = Job::new(work, tile.count(rows, n));
        step.push(job.with_shared_memory(tile.shared_bytes()).in_function(tile.function()));
    }
}

/// The first operand.
fn read(a: &Left) -> Value {
    a.value().expect("sessions refuse plans for this device whose products read samples")
}

/// Where sums go.
fn stored(sink: &Sink) -> Value {
    sink.value().expect("sessions refuse plans for this device whose products update weights")
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
