//! The kernels: what backends run, about a dozen, each a plain description of one pass over memory.
//!
//! A kernel names the values it reads and writes; the plan says at which byte of the arena each value lies. Adding a
//! kernel means a variant here and an arm in each backend, which is why ops are mapped to these wherever possible.

use std::fmt;
use std::sync::Arc;

use crate::graph::{Call, Operand};
use crate::ops::gather::TargetFormat;
use crate::{DType, MAX_RANK, Optimizer, Schedule, Shape};

/// Identity of a buffer within one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Value(pub(crate) u32);

impl Value {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a kernel touches an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Changed in place: neighbours must wait on both counts.
    Update,
}

impl Access {
    pub(crate) fn writes(self) -> bool {
        self != Access::Read
    }
    pub(crate) fn reads(self) -> bool {
        self != Access::Write
    }
}

/// One pass over memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kernel {
    /// Begins a step: advances the step block.
    Advance(Advance),
    /// Picks and normalises the samples of a batch.
    Gather(Gather),
    /// Picks the targets of a batch.
    GatherTargets(GatherTargets),
    /// Writes numbers that were known while recording.
    Constant {
        /// Where to.
        output: Value,
        /// The numbers.
        data: Data,
    },
    /// Adds one value to another of the same size, in place.
    Accumulate {
        /// What is added.
        input: Value,
        /// To what.
        output: Value,
        /// How many numbers.
        elements: usize,
    },
    /// Moves the position in the batch on, after a part of it.
    Proceed {
        /// The step block.
        step_block: Value,
        /// Rows of the part.
        rows: usize,
    },
    /// Copies one value to another of the same size.
    Copy {
        /// From.
        input: Value,
        /// To.
        output: Value,
        /// How much.
        bytes: usize,
    },
    /// Matrix product with an epilogue.
    Gemm(Gemm),
    /// An elementwise formula over broadcast operands.
    Map(Map),
    /// Sum or maximum along one axis.
    Reduce(Reduce),
    /// Softmax or its logarithm over rows.
    Softmax(Softmax),
    /// Cross-entropy losses and their gradient.
    CrossEntropy(CrossEntropy),
    /// Squared errors and their gradient.
    Mse(Mse),
    /// A copy with its dimensions in another order.
    Permute(Permute),
    /// Largest column of each row, or whether it is the label.
    ArgMax(ArgMax),
    /// Dropout with a recomputed mask.
    Dropout(Dropout),
    /// Adds losses and right answers to the running sums.
    Metrics(MetricSums),
    /// Optimizer step over one contiguous range.
    Update(Update),
}

/// Numbers a plan carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// f32 values.
    F32(Arc<[f32]>),
    /// Bytes.
    U8(Arc<[u8]>),
    /// One f32 value, so many times.
    Fill(f32, usize),
}

impl Data {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Data::F32(values) => values.is_empty(),
            Data::U8(bytes) => bytes.is_empty(),
            Data::Fill(_, elements) => *elements == 0,
        }
    }
}

/// See [`Kernel::Advance`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Advance {
    pub(crate) step_block: Value,
    pub(crate) schedule: Schedule,
    /// The one whose bias corrections are prepared.
    pub(crate) optimizer: Optimizer,
}

/// See [`Kernel::Gather`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gather {
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) channels: usize,
    /// Elements per channel.
    pub(crate) pixels: usize,
    pub(crate) dtype: DType,
    pub(crate) scale: Arc<[f32]>,
    pub(crate) shift: Arc<[f32]>,
}

/// See [`Kernel::GatherTargets`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GatherTargets {
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) format: TargetFormat,
}

/// C\[m, n\] = epilogue(op(A)\[m, k\] · op(B)\[k, n\]), and optionally the column sums of B.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gemm {
    pub(crate) a: Value,
    pub(crate) b: Value,
    pub(crate) c: Value,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) transpose_a: bool,
    pub(crate) transpose_b: bool,
    pub(crate) epilogue: Epilogue,
    /// Where to write Σₖ B\[k, ·\]: a bias gradient that costs no pass of its own. Only with B not transposed.
    pub(crate) column_sum: Option<Value>,
    /// Whether the product is added to what C holds, going on with the very sums that are there.
    pub(crate) accumulate: bool,
    /// The same for the column sums.
    pub(crate) accumulate_sums: bool,
}

/// What happens to a product before it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Epilogue {
    /// Nothing.
    None,
    /// A bias `[n]` is added to each row.
    Bias(Value),
    /// A bias is added and the result clamped at 0.
    BiasRelu(Value),
    /// Elements are kept where this activation `[m, n]` is positive, else 0: the gradient of relu.
    ReluMask(Value),
}

/// The elementwise formulas. `x`, `y`: first and second operand.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // the formulas stand with the ops of the same names
pub(crate) enum MapOp {
    Add,
    Sub,
    Mul,
    Div,
    Affine { scale: f32, shift: f32 },
    Exp,
    Ln,
    Sqrt,
    Relu,
    ReluGrad,
    Tanh,
    TanhGrad,
    Sigmoid,
    SigmoidGrad,
    Gelu,
    GeluGrad,
}

/// See [`Kernel::Map`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    pub(crate) op: MapOp,
    pub(crate) inputs: [MapInput; 2],
    pub(crate) arity: usize,
    pub(crate) output: Value,
    pub(crate) shape: Shape,
}

/// An operand and its element stride in each dimension of the output, 0 where it is stretched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MapInput {
    pub(crate) value: Value,
    pub(crate) strides: [usize; MAX_RANK],
}

impl Map {
    pub(crate) fn new(op: MapOp, call: &Call) -> Map {
        let shape = call.output.shape();
        let input = |operand: &Operand| MapInput {
            value: operand.value,
            strides: operand.shape().broadcast_strides(&shape),
        };
        let first = input(&call.inputs[0]);
        let second = call.inputs.get(1).map_or(first, input);
        Map { op, inputs: [first, second], arity: call.inputs.len(), output: call.output.value, shape }
    }
}

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// Σ
    Sum,
    /// The largest.
    Max,
}

/// `[outer, reduced, inner]` → `[outer, inner]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reduce {
    pub(crate) reduction: Reduction,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) outer: usize,
    pub(crate) reduced: usize,
    pub(crate) inner: usize,
}

/// See [`Kernel::Softmax`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Softmax {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) log: bool,
}

/// The gradient of the final loss by each sample's loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RowScale {
    /// The same for all, known while planning (1/n for a mean).
    Constant(f32),
    /// One number per row.
    PerRow(Value),
}

impl RowScale {
    pub(crate) fn of(operand: &Operand) -> RowScale {
        operand.full.map_or(RowScale::PerRow(operand.value), RowScale::Constant)
    }
}

/// See [`Kernel::CrossEntropy`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrossEntropy {
    pub(crate) logits: Value,
    pub(crate) labels: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) losses: Option<Value>,
    pub(crate) dlogits: Option<Value>,
    pub(crate) scale: RowScale,
}

/// See [`Kernel::Mse`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mse {
    pub(crate) prediction: Value,
    pub(crate) target: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) losses: Option<Value>,
    pub(crate) dprediction: Option<Value>,
    pub(crate) scale: RowScale,
}

/// `output[i₀, i₁, …] = input[Σ iₖ · stridesₖ]` over `shape`, the shape of the output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Permute {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) shape: Shape,
    pub(crate) strides: [usize; MAX_RANK],
}

/// See [`Kernel::ArgMax`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArgMax {
    pub(crate) input: Value,
    /// With labels the output is 1 where the largest column is the label, else 0; without, the column.
    pub(crate) labels: Option<Value>,
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// See [`Kernel::Dropout`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dropout {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) step_block: Value,
    pub(crate) rows: usize,
    pub(crate) units: usize,
    pub(crate) rate: f32,
    pub(crate) layer: u32,
}

/// See [`Kernel::Metrics`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricSums {
    pub(crate) losses: Value,
    pub(crate) correct: Option<Value>,
    pub(crate) rows: usize,
    pub(crate) metrics: Value,
    /// Whether these rows are a further part of the last batch.
    pub(crate) continues: bool,
}

/// See [`Kernel::Update`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) optimizer: Optimizer,
    pub(crate) parameter: Value,
    pub(crate) gradient: Value,
    pub(crate) moments: [Option<Value>; 2],
    pub(crate) step_block: Value,
    pub(crate) elements: usize,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kernel::Advance(_) => f.write_str("advance"),
            Kernel::Gather(k) => write!(f, "gather {}×{}", k.rows, k.channels * k.pixels),
            Kernel::GatherTargets(k) => write!(f, "gather targets {}", k.rows),
            Kernel::Constant { .. } => f.write_str("constant"),
            Kernel::Accumulate { elements, .. } => write!(f, "accumulate {elements}"),
            Kernel::Proceed { rows, .. } => write!(f, "proceed {rows}"),
            Kernel::Copy { bytes, .. } => write!(f, "copy {bytes} B"),
            Kernel::Gemm(k) => {
                let epilogue = match k.epilogue {
                    Epilogue::None => "",
                    Epilogue::Bias(_) => " + bias",
                    Epilogue::BiasRelu(_) => " + bias, relu",
                    Epilogue::ReluMask(_) => ", relu mask",
                };
                let added = if k.accumulate { ", accumulated" } else { "" };
                let sums = if k.column_sum.is_some() { ", column sums" } else { "" };
                write!(f, "gemm {}×{}×{}{epilogue}{added}{sums}", k.m, k.k, k.n)
            }
            Kernel::Map(k) => write!(f, "{:?} {}", k.op, k.shape),
            Kernel::Reduce(k) => write!(f, "{:?} {}×{}×{}", k.reduction, k.outer, k.reduced, k.inner),
            Kernel::Softmax(k) => write!(f, "softmax {}×{}", k.rows, k.columns),
            Kernel::CrossEntropy(k) => {
                let gradient = if k.dlogits.is_some() { " with gradient" } else { "" };
                write!(f, "cross-entropy{gradient} {}×{}", k.rows, k.columns)
            }
            Kernel::Mse(k) => {
                let gradient = if k.dprediction.is_some() { " with gradient" } else { "" };
                write!(f, "mse{gradient} {}×{}", k.rows, k.columns)
            }
            Kernel::Permute(k) => write!(f, "permute to {}", k.shape),
            Kernel::ArgMax(k) => write!(f, "argmax {}×{}", k.rows, k.columns),
            Kernel::Dropout(k) => write!(f, "dropout {}×{}", k.rows, k.units),
            Kernel::Metrics(k) => write!(f, "metrics {}", k.rows),
            Kernel::Update(k) => write!(f, "update {}", k.elements),
        }
    }
}

impl Kernel {
    /// Calls `visit` for every operand. The one place that says what a kernel reads and writes.
    pub(crate) fn operands(&mut self, visit: &mut dyn FnMut(Access, &mut Value)) {
        use Access::{Read, Update as InPlace, Write};
        match self {
            Kernel::Advance(k) => visit(InPlace, &mut k.step_block),
            Kernel::Gather(k) => visit(Write, &mut k.output),
            Kernel::GatherTargets(k) => visit(Write, &mut k.output),
            Kernel::Constant { output, .. } => visit(Write, output),
            Kernel::Copy { input, output, .. } => {
                visit(Read, input);
                visit(Write, output);
            }
            Kernel::Accumulate { input, output, .. } => {
                visit(Read, input);
                visit(InPlace, output);
            }
            Kernel::Proceed { step_block, .. } => visit(InPlace, step_block),
            Kernel::Gemm(k) => {
                let written = |accumulate| if accumulate { InPlace } else { Write };
                visit(Read, &mut k.a);
                visit(Read, &mut k.b);
                if let Epilogue::Bias(v) | Epilogue::BiasRelu(v) | Epilogue::ReluMask(v) = &mut k.epilogue {
                    visit(Read, v);
                }
                visit(written(k.accumulate), &mut k.c);
                k.column_sum.iter_mut().for_each(|v| visit(written(k.accumulate_sums), v));
            }
            Kernel::Map(k) => {
                k.inputs[..k.arity].iter_mut().for_each(|input| visit(Read, &mut input.value));
                visit(Write, &mut k.output);
            }
            Kernel::Reduce(Reduce { input, output, .. })
            | Kernel::Softmax(Softmax { input, output, .. })
            | Kernel::Permute(Permute { input, output, .. }) => {
                visit(Read, input);
                visit(Write, output);
            }
            Kernel::CrossEntropy(k) => {
                visit(Read, &mut k.logits);
                visit(Read, &mut k.labels);
                if let RowScale::PerRow(v) = &mut k.scale {
                    visit(Read, v);
                }
                [&mut k.losses, &mut k.dlogits].into_iter().flatten().for_each(|v| visit(Write, v));
            }
            Kernel::Mse(k) => {
                visit(Read, &mut k.prediction);
                visit(Read, &mut k.target);
                if let RowScale::PerRow(v) = &mut k.scale {
                    visit(Read, v);
                }
                [&mut k.losses, &mut k.dprediction].into_iter().flatten().for_each(|v| visit(Write, v));
            }
            Kernel::ArgMax(k) => {
                visit(Read, &mut k.input);
                k.labels.iter_mut().for_each(|v| visit(Read, v));
                visit(Write, &mut k.output);
            }
            Kernel::Dropout(k) => {
                visit(Read, &mut k.input);
                visit(Read, &mut k.step_block);
                visit(Write, &mut k.output);
            }
            Kernel::Metrics(k) => {
                visit(Read, &mut k.losses);
                k.correct.iter_mut().for_each(|v| visit(Read, v));
                visit(InPlace, &mut k.metrics);
            }
            Kernel::Update(k) => {
                visit(Read, &mut k.step_block);
                visit(Read, &mut k.gradient);
                visit(InPlace, &mut k.parameter);
                k.moments.iter_mut().flatten().for_each(|v| visit(InPlace, v));
            }
        }
    }

    /// Every operand and how it is touched.
    pub(crate) fn accesses(&self) -> Vec<(Access, Value)> {
        let mut accesses = Vec::new();
        self.clone().operands(&mut |access, value| accesses.push((access, *value)));
        accesses
    }

    pub(crate) fn reads(&self, value: Value) -> bool {
        self.accesses().iter().any(|&(access, v)| v == value && access.reads())
    }

    pub(crate) fn writes(&self, value: Value) -> bool {
        self.accesses().iter().any(|&(access, v)| v == value && access.writes())
    }
}
