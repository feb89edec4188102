//! Matrix products. `tile.rs` says how they are cut.

use crate::backend::cuda::cpp::{Address, Input, Output, shared};
use crate::backend::cuda::lowering::{Lower, Lowering, StepBuilder, Task, on_16_bytes};
use crate::backend::cuda::tile::Tile;
use crate::ir::kernel::{self, MapOp};

shared! {
    /// What happens to a product before it is stored.
    enum Epilogue {
        Store,
        Bias,
        BiasRelu,
        ReluMask,
    }

    /// C\[m, n\] = epilogue(op(A)\[m, k\] · B\[k, n\])
    struct Gemm {
        a: Input<f32>,
        b: Input<f32>,
        c: Output<f32>,
        /// The bias `[n]` or the mask `[m, n]` of the epilogue.
        other: Input<f32>,
        /// Column sums of B, or null.
        sums: Output<f32>,
        m: u64,
        n: u64,
        k: u64,
        tile: Tile,
        epilogue: Epilogue,
        transpose_a: u32,
        accumulate: u32,
        accumulate_sums: u32,
        /// Whether four neighbours lie on 16 bytes: of A, of B, of C and its epilogue's operand.
        vector_a: u32,
        vector_b: u32,
        vector_c: u32,
    }
}

impl Lower for kernel::Gemm {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let (m, n) = (self.m as u64, self.n as u64);
        let tile = (lowering.sizing.tile)(self);
        let kernel::Epilogue { bias, steps: [first, _] } = self.epilogue;
        let (epilogue, other) = match (bias, first) {
            (None, Some(kernel::Step { formula: MapOp::ReluGrad, other: Some(mask) })) => {
                (Epilogue::ReluMask, lowering.at(mask))
            }
            (Some(bias), Some(_)) => (Epilogue::BiasRelu, lowering.at(bias)),
            (Some(bias), None) => (Epilogue::Bias, lowering.at(bias)),
            (None, _) => (Epilogue::Store, 0),
        };
        let [a, b, c] = [self.a, self.b, self.c].map(|value| lowering.at::<Address>(value));
        let fours = |address, columns: usize| on_16_bytes(address) && columns.is_multiple_of(4);
        let a_columns = if self.transpose_a { self.m } else { self.k };
        let work = Gemm {
            a: a.into(),
            b: b.into(),
            c: c.into(),
            other: other.into(),
            sums: lowering.at_or_null(self.column_sum),
            m,
            n,
            k: self.k as u64,
            tile,
            epilogue,
            transpose_a: self.transpose_a.into(),
            accumulate: self.accumulate.into(),
            accumulate_sums: self.accumulate_sums.into(),
            vector_a: fours(a, a_columns).into(),
            vector_b: fours(b, self.n).into(),
            vector_c: (fours(c, self.n) && fours(other, self.n)).into(),
        };
        // There are column sums even if C has no rows.
        let rows = m.max(u64::from(self.column_sum.is_some()));
        let task = Task::new(work, tile.count(rows, n));
        step.push(task.with_shared_memory(tile.shared_bytes()).in_function(tile.function()));
    }
}
