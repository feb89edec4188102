//! What the kernels read: the host's side of `kernels/item.cuh`, field for field. A test compares the layouts.
//!
//! Addresses are the device's, as numbers; 0 is null.

/// Most dimensions of an array.
pub(super) use crate::MAX_RANK;

/// Most channels that one item normalises.
pub(super) const MOST_CHANNELS: usize = 8;
/// Most items of a launch: as many as fit into its parameters.
pub(super) const MOST_ITEMS: usize = 16;
/// Threads of every block.
pub(super) const THREADS: u32 = 256;

/// Where batches come from, as it lies in device memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Feed {
    pub(super) samples: u64,
    pub(super) targets: u64,
    /// u32 rows in the order in which steps take them; 0 where each step finds its rows from row 0 on.
    pub(super) order: u64,
    /// Place in the order of the next step's first row.
    pub(super) cursor: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Advance {
    pub(super) step_block: u64,
    pub(super) learning_rate: f64,
    /// The minimum of a cosine, the factor of a step.
    pub(super) other: f64,
    pub(super) steps: u64,
    pub(super) betas: [f64; 2],
    pub(super) schedule: u32,
    /// Whether the optimizer has bias corrections.
    pub(super) corrected: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Gather {
    pub(super) feed: u64,
    pub(super) output: u64,
    pub(super) rows: u64,
    /// Elements of a sample.
    pub(super) width: u64,
    /// Elements of a channel.
    pub(super) pixels: u64,
    pub(super) first_channel: u64,
    pub(super) channels: u32,
    pub(super) bytes_per_element: u32,
    pub(super) scale: [f32; MOST_CHANNELS],
    pub(super) shift: [f32; MOST_CHANNELS],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct GatherTargets {
    pub(super) feed: u64,
    pub(super) output: u64,
    pub(super) rows: u64,
    pub(super) bytes_per_row: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct NextBatch {
    pub(super) feed: u64,
    pub(super) rows: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Fill {
    pub(super) output: u64,
    pub(super) elements: u64,
    pub(super) value: f32,
    pub(super) unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Accumulate {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) elements: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Proceed {
    pub(super) step_block: u64,
    pub(super) rows: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Copying {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Gemm {
    pub(super) a: u64,
    pub(super) b: u64,
    pub(super) c: u64,
    /// The bias or the mask of the epilogue.
    pub(super) other: u64,
    pub(super) sums: u64,
    pub(super) m: u64,
    pub(super) n: u64,
    pub(super) k: u64,
    pub(super) tile: u32,
    pub(super) epilogue: u32,
    pub(super) transpose_a: u32,
    pub(super) accumulate: u32,
    pub(super) accumulate_sums: u32,
    /// Whether four neighbours lie on 16 bytes: of A, of B, of C and its epilogue's operand.
    pub(super) vector: [u32; 3],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Map {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) output: u64,
    pub(super) elements: u64,
    pub(super) dims: [u64; MAX_RANK],
    pub(super) x_strides: [u64; MAX_RANK],
    pub(super) y_strides: [u64; MAX_RANK],
    pub(super) rank: u32,
    pub(super) formula: u32,
    pub(super) scale: f32,
    pub(super) shift: f32,
    /// Whether operands and output run together, and lie on 16 bytes.
    pub(super) vector: u32,
    pub(super) unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Reduce {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) outer: u64,
    pub(super) reduced: u64,
    pub(super) inner: u64,
    pub(super) maximum: u32,
    pub(super) unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Softmax {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) rows: u64,
    pub(super) columns: u64,
    pub(super) logarithm: u32,
    pub(super) unused: u32,
}

/// Cross-entropy (targets are labels) or squared errors (targets are values).
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Loss {
    pub(super) prediction: u64,
    pub(super) target: u64,
    pub(super) losses: u64,
    pub(super) gradient: u64,
    /// A factor per row; 0 where all have the same.
    pub(super) scales: u64,
    pub(super) rows: u64,
    pub(super) columns: u64,
    pub(super) scale: f32,
    pub(super) unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Permute {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) elements: u64,
    pub(super) dims: [u64; MAX_RANK],
    pub(super) strides: [u64; MAX_RANK],
    pub(super) rank: u32,
    pub(super) unused: u32,
}

/// From `[rows, columns]` to `[columns, rows]`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Transpose {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) rows: u64,
    pub(super) columns: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ArgMax {
    pub(super) input: u64,
    pub(super) labels: u64,
    pub(super) output: u64,
    pub(super) rows: u64,
    pub(super) columns: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Dropout {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) step_block: u64,
    pub(super) rows: u64,
    pub(super) units: u64,
    pub(super) limit: u32,
    pub(super) layer: u32,
    pub(super) scale: f32,
    pub(super) unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Metrics {
    pub(super) losses: u64,
    pub(super) correct: u64,
    pub(super) sums: u64,
    pub(super) rows: u64,
    /// Whether these rows are a further part of the last batch.
    pub(super) continues: u32,
    pub(super) unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Update {
    pub(super) parameter: u64,
    pub(super) gradient: u64,
    pub(super) moments: [u64; 2],
    pub(super) step_block: u64,
    pub(super) elements: u64,
    pub(super) decoupled_decay: f64,
    pub(super) momentum: f32,
    pub(super) decay: f32,
    pub(super) keep_first: f32,
    pub(super) take_first: f32,
    pub(super) keep_second: f32,
    pub(super) take_second: f32,
    pub(super) epsilon: f32,
    pub(super) optimizer: u32,
    /// Whether all arrays lie on 16 bytes.
    pub(super) vector: u32,
    pub(super) unused: u32,
}

/// The union of all parameters, and for each its number.
macro_rules! work {
    ($($number:literal $variant:ident $field:ident: $type:ty,)*) => {
        /// One kernel's parameters; which, the item's kind says.
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub(super) union Parameters {
            $($field: $type,)*
        }

        /// One kernel's parameters, on their way into an item.
        #[derive(Clone, Copy)]
        pub(super) enum Work {
            $($variant($type),)*
        }

        impl Work {
            /// The kind and the parameters.
            fn parts(self) -> (u32, Parameters) {
                match self {
                    $(Work::$variant($field) => ($number, Parameters { $field }),)*
                }
            }
        }
    };
}

work! {
    0 Advance advance: Advance,
    1 Gather gather: Gather,
    2 GatherTargets gather_targets: GatherTargets,
    3 NextBatch next_batch: NextBatch,
    4 Fill fill: Fill,
    5 Accumulate accumulate: Accumulate,
    6 Proceed proceed: Proceed,
    7 Copy copy: Copying,
    8 Gemm gemm: Gemm,
    9 Map map: Map,
    10 Reduce reduce: Reduce,
    11 Softmax softmax: Softmax,
    12 CrossEntropy cross_entropy: Loss,
    13 Mse mse: Loss,
    14 Permute permute: Permute,
    15 Transpose transpose: Transpose,
    16 ArgMax arg_max: ArgMax,
    17 Dropout dropout: Dropout,
    18 Metrics metrics: Metrics,
    19 Update update: Update,
}

/// One kernel of a launch.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Item {
    kind: u32,
    blocks: u32,
    pub(super) parameters: Parameters,
}

/// The one argument of a launch.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Items {
    /// The first block of each; `u32::MAX` where there is none.
    first_blocks: [u32; MOST_ITEMS],
    pub(super) items: [Item; MOST_ITEMS],
}

impl Items {
    pub(super) fn new() -> Items {
        let nothing = Parameters { next_batch: NextBatch { feed: 0, rows: 0 } };
        let item = Item { kind: 0, blocks: 0, parameters: nothing };
        Items { first_blocks: [u32::MAX; MOST_ITEMS], items: [item; MOST_ITEMS] }
    }

    fn all(&self) -> &[Item] {
        let count = self.first_blocks.iter().take_while(|&&block| block != u32::MAX).count();
        &self.items[..count]
    }

    pub(super) fn is_full(&self) -> bool {
        self.all().len() == MOST_ITEMS
    }

    /// Adds a kernel that `blocks` blocks work on, after those that are there.
    pub(super) fn push(&mut self, work: Work, blocks: u32) {
        let (kind, parameters) = work.parts();
        let place = self.all().len();
        self.first_blocks[place] = self.blocks();
        self.items[place] = Item { kind, blocks, parameters };
    }

    /// Blocks of the launch.
    pub(super) fn blocks(&self) -> u32 {
        self.all().iter().map(|item| item.blocks).sum()
    }
}
