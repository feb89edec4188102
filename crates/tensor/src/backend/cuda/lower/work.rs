//! What each kernel of a plan becomes: its item, and how many blocks it is worth.

use super::{Lowering, METRICS_BYTES, Planned, REDUCE_BYTES, TRANSPOSE_BYTES, by_element, by_row, one_block};
use crate::backend::cuda::items::{self, MOST_CHANNELS, Work};
use crate::backend::cuda::runtime::{Address, Function};
use crate::ops::dropout::threshold;
use crate::plan::{
    Advance, ArgMax, CrossEntropy, Dropout, Epilogue, Gather, GatherTargets, Gemm, Map, MapOp, MetricSums,
    Mse, Permute, Reduce, Reduction, RowScale, Softmax, Update, Value,
};
use crate::{MAX_RANK, Optimizer, Schedule};

/// Rows that are reduced by a warp, not a block, are shorter than this.
const LONG_ROW: usize = 1024;

fn on_16_bytes(address: Address) -> bool {
    address.is_multiple_of(16)
}

impl Lowering<'_> {
    pub(super) fn advance(&self, k: &Advance) -> Planned {
        let (schedule, learning_rate, other, steps) = match k.schedule {
            Schedule::Constant { learning_rate } => (0, learning_rate, 0.0, 0),
            Schedule::Cosine { learning_rate, minimum, steps } => (1, learning_rate, minimum, steps),
            Schedule::Step { learning_rate, factor, every } => (2, learning_rate, factor, every),
        };
        let (beta1, beta2) = k.optimizer.betas().unwrap_or_default();
        let work = Work::Advance(items::Advance {
            step_block: self.at(k.step_block),
            learning_rate,
            other,
            steps,
            betas: [beta1, beta2],
            schedule,
            corrected: u32::from(k.optimizer.betas().is_some()),
        });
        one_block(work, 0)
    }

    /// One item for as many channels as an item has room for.
    pub(super) fn gather(&self, k: &Gather) -> Vec<Planned> {
        let part = |(i, (scale, shift)): (usize, (&[f32], &[f32]))| {
            let padded = |of: &[f32]| std::array::from_fn(|i| of.get(i).copied().unwrap_or(0.0));
            let work = items::Gather {
                feed: self.feed,
                output: self.at(k.output),
                rows: k.rows as u64,
                width: (k.channels * k.pixels) as u64,
                pixels: k.pixels as u64,
                first_channel: (i * MOST_CHANNELS) as u64,
                channels: scale.len() as u32,
                bytes_per_element: k.dtype.size() as u32,
                scale: padded(scale),
                shift: padded(shift),
            };
            Planned {
                work: Work::Gather(work),
                blocks: k.rows as u64,
                shared_bytes: 0,
                function: Function::Stage,
            }
        };
        k.scale.chunks(MOST_CHANNELS).zip(k.shift.chunks(MOST_CHANNELS)).enumerate().map(part).collect()
    }

    pub(super) fn gather_targets(&self, k: &GatherTargets) -> Planned {
        let bytes_per_row = k.format.bytes();
        let work = items::GatherTargets {
            feed: self.feed,
            output: self.at(k.output),
            rows: k.rows as u64,
            bytes_per_row: bytes_per_row as u64,
        };
        by_element(Work::GatherTargets(work), k.rows * bytes_per_row)
    }

    pub(super) fn fill(&self, output: Value, value: f32, elements: usize) -> Planned {
        let work = items::Fill { output: self.at(output), elements: elements as u64, value, unused: 0 };
        by_element(Work::Fill(work), elements)
    }

    pub(super) fn gemm(&self, k: &Gemm) -> Planned {
        debug_assert!(!k.transpose_b, "the planner turns second operands round");
        let (m, n) = (k.m as u64, k.n as u64);
        let tile = (self.sizing.tile)(k);
        let (epilogue, other) = match k.epilogue {
            Epilogue::None => (0, 0),
            Epilogue::Bias(bias) => (1, self.at(bias)),
            Epilogue::BiasRelu(bias) => (2, self.at(bias)),
            Epilogue::ReluMask(mask) => (3, self.at(mask)),
        };
        let (a, b, c) = (self.at(k.a), self.at(k.b), self.at(k.c));
        let fours = |address, columns: usize| u32::from(on_16_bytes(address) && columns.is_multiple_of(4));
        let a_columns = if k.transpose_a { k.m } else { k.k };
        let work = items::Gemm {
            a,
            b,
            c,
            other,
            sums: self.at_or_null(k.column_sum),
            m,
            n,
            k: k.k as u64,
            tile: tile as u32,
            epilogue,
            transpose_a: u32::from(k.transpose_a),
            accumulate: u32::from(k.accumulate),
            accumulate_sums: u32::from(k.accumulate_sums),
            vector: [fours(a, a_columns), fours(b, k.n), fours(c, k.n) & fours(other, k.n)],
        };
        // Sums of columns there are, even if there is no row of C.
        let rows = m.max(u64::from(k.column_sum.is_some()));
        let shared_bytes = tile.shared_bytes() as usize;
        Planned {
            work: Work::Gemm(work),
            blocks: tile.count(rows, n),
            shared_bytes,
            function: tile.function(),
        }
    }

    pub(super) fn map(&self, k: &Map) -> Planned {
        let (scale, shift) = match k.op {
            MapOp::Affine { scale, shift } => (scale, shift),
            _ => (0.0, 0.0),
        };
        let merged = Merged::new(k);
        let elements = k.shape.elements();
        let [x, y, output] = [k.inputs[0].value, k.inputs[1].value, k.output].map(|value| self.at(value));
        let vector = merged.run_together() && [x, y, output].into_iter().all(on_16_bytes);
        let work = items::Map {
            x,
            y,
            output,
            elements: elements as u64,
            dims: merged.dims,
            x_strides: merged.strides[0],
            y_strides: merged.strides[1],
            rank: merged.rank as u32,
            formula: formula(k.op),
            scale,
            shift,
            vector: u32::from(vector),
            unused: 0,
        };
        by_element(Work::Map(work), if vector { elements.div_ceil(4) } else { elements })
    }

    pub(super) fn reduce(&self, k: &Reduce) -> Planned {
        let work = Work::Reduce(items::Reduce {
            input: self.at(k.input),
            output: self.at(k.output),
            outer: k.outer as u64,
            reduced: k.reduced as u64,
            inner: k.inner as u64,
            maximum: u32::from(k.reduction == Reduction::Max),
            unused: 0,
        });
        if k.inner == 1 && k.reduced < LONG_ROW {
            return by_row(work, k.outer);
        }
        let blocks = k.outer as u64 * (k.inner as u64).div_ceil(32);
        Planned { work, blocks, shared_bytes: REDUCE_BYTES, function: Function::Stage }
    }

    pub(super) fn softmax(&self, k: &Softmax) -> Planned {
        let work = items::Softmax {
            input: self.at(k.input),
            output: self.at(k.output),
            rows: k.rows as u64,
            columns: k.columns as u64,
            logarithm: u32::from(k.log),
            unused: 0,
        };
        by_row(Work::Softmax(work), k.rows)
    }

    pub(super) fn cross_entropy(&self, k: &CrossEntropy) -> Planned {
        let outputs = [k.losses, k.dlogits];
        by_row(
            Work::CrossEntropy(self.loss(k.logits, k.labels, outputs, k.scale, [k.rows, k.columns])),
            k.rows,
        )
    }

    pub(super) fn mse(&self, k: &Mse) -> Planned {
        let outputs = [k.losses, k.dprediction];
        by_row(Work::Mse(self.loss(k.prediction, k.target, outputs, k.scale, [k.rows, k.columns])), k.rows)
    }

    fn loss(
        &self,
        prediction: Value,
        target: Value,
        [losses, gradient]: [Option<Value>; 2],
        scale: RowScale,
        [rows, columns]: [usize; 2],
    ) -> items::Loss {
        let (scale, scales) = match scale {
            RowScale::Constant(scale) => (scale, 0),
            RowScale::PerRow(scales) => (0.0, self.at(scales)),
        };
        items::Loss {
            prediction: self.at(prediction),
            target: self.at(target),
            losses: self.at_or_null(losses),
            gradient: self.at_or_null(gradient),
            scales,
            rows: rows as u64,
            columns: columns as u64,
            scale,
            unused: 0,
        }
    }

    pub(super) fn permute(&self, k: &Permute) -> Planned {
        let (input, output) = (self.at(k.input), self.at(k.output));
        let elements = k.shape.elements();
        if let (&[columns, rows], [1, stride, ..]) = (k.shape.dims(), k.strides)
            && stride == columns
        {
            let work = Work::Transpose(items::Transpose {
                input,
                output,
                rows: rows as u64,
                columns: columns as u64,
            });
            let blocks = (rows as u64).div_ceil(32) * (columns as u64).div_ceil(32);
            return Planned { work, blocks, shared_bytes: TRANSPOSE_BYTES, function: Function::Stage };
        }
        let mut dims = [1; MAX_RANK];
        dims.iter_mut().zip(k.shape.dims()).for_each(|(to, &from)| *to = from as u64);
        let work = items::Permute {
            input,
            output,
            elements: elements as u64,
            dims,
            strides: k.strides.map(|stride| stride as u64),
            rank: k.shape.rank() as u32,
            unused: 0,
        };
        by_element(Work::Permute(work), elements)
    }

    pub(super) fn arg_max(&self, k: &ArgMax) -> Planned {
        let work = items::ArgMax {
            input: self.at(k.input),
            labels: self.at_or_null(k.labels),
            output: self.at(k.output),
            rows: k.rows as u64,
            columns: k.columns as u64,
        };
        by_row(Work::ArgMax(work), k.rows)
    }

    pub(super) fn dropout(&self, k: &Dropout) -> Planned {
        let work = items::Dropout {
            input: self.at(k.input),
            output: self.at(k.output),
            step_block: self.at(k.step_block),
            rows: k.rows as u64,
            units: k.units as u64,
            limit: threshold(k.rate),
            layer: k.layer,
            scale: 1.0 / (1.0 - k.rate),
            unused: 0,
        };
        by_element(Work::Dropout(work), k.rows * k.units.div_ceil(4))
    }

    pub(super) fn metrics(&self, k: &MetricSums) -> Planned {
        let work = Work::Metrics(items::Metrics {
            losses: self.at(k.losses),
            correct: self.at_or_null(k.correct),
            sums: self.at(k.metrics),
            rows: k.rows as u64,
            continues: u32::from(k.continues),
            unused: 0,
        });
        one_block(work, METRICS_BYTES)
    }

    /// The factors are each rounded to f32 once: 1 − β from f64, or it would lose half its digits.
    pub(super) fn update(&self, k: &Update) -> Planned {
        let (parameter, gradient) = (self.at(k.parameter), self.at(k.gradient));
        let moments = k.moments.map(|moment| self.at_or_null(moment));
        let (optimizer, [momentum, decay, decoupled_decay], [beta1, beta2, epsilon]) = match k.optimizer {
            Optimizer::Sgd { momentum: 0.0, weight_decay } => (0, [0.0, weight_decay, 0.0], [0.0; 3]),
            Optimizer::Sgd { momentum, weight_decay } => (1, [momentum, weight_decay, 0.0], [0.0; 3]),
            Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                (2, [0.0, weight_decay, 0.0], [beta1, beta2, epsilon])
            }
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                (3, [0.0, 0.0, weight_decay], [beta1, beta2, epsilon])
            }
        };
        let vector = [parameter, gradient].into_iter().chain(moments).all(on_16_bytes);
        let work = items::Update {
            parameter,
            gradient,
            moments,
            step_block: self.at(k.step_block),
            elements: k.elements as u64,
            decoupled_decay,
            momentum: momentum as f32,
            decay: decay as f32,
            keep_first: beta1 as f32,
            take_first: (1.0 - beta1) as f32,
            keep_second: beta2 as f32,
            take_second: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            optimizer,
            vector: u32::from(vector),
            unused: 0,
        };
        by_element(Work::Update(work), if vector { k.elements.div_ceil(4) } else { k.elements })
    }
}

/// The number of a formula in `MapKind`.
fn formula(op: MapOp) -> u32 {
    match op {
        MapOp::Add => 0,
        MapOp::Sub => 1,
        MapOp::Mul => 2,
        MapOp::Div => 3,
        MapOp::Affine { .. } => 4,
        MapOp::Exp => 5,
        MapOp::Ln => 6,
        MapOp::Sqrt => 7,
        MapOp::Relu => 8,
        MapOp::ReluGrad => 9,
        MapOp::Tanh => 10,
        MapOp::TanhGrad => 11,
        MapOp::Sigmoid => 12,
        MapOp::SigmoidGrad => 13,
        MapOp::Gelu => 14,
        MapOp::GeluGrad => 15,
    }
}

/// The dimensions of a map, those that both operands run through without a gap made one: arrays of one shape have one.
struct Merged {
    dims: [u64; MAX_RANK],
    strides: [[u64; MAX_RANK]; 2],
    rank: usize,
}

impl Merged {
    fn new(map: &Map) -> Merged {
        let mut merged = Merged { dims: [1; MAX_RANK], strides: [[0; MAX_RANK]; 2], rank: 0 };
        for (axis, &dim) in map.shape.dims().iter().enumerate() {
            if dim != 1 {
                merged.push(dim as u64, [0, 1].map(|i| map.inputs[i].strides[axis] as u64));
            }
        }
        merged.rank = merged.rank.max(1);
        merged
    }

    /// Whether both operands lie as the output does.
    fn run_together(&self) -> bool {
        self.rank == 1 && self.strides.iter().all(|strides| strides[0] == 1)
    }

    /// Adds the next inner dimension.
    fn push(&mut self, dim: u64, strides: [u64; 2]) {
        let last = self.rank.wrapping_sub(1);
        let goes_on = self.rank > 0 && (0..2).all(|i| self.strides[i][last] == strides[i] * dim);
        let place = if goes_on { last } else { self.rank };
        self.dims[place] *= dim;
        (0..2).for_each(|i| self.strides[i][place] = strides[i]);
        self.rank = place + 1;
    }
}
