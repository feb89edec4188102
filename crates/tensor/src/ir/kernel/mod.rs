//! The kernels: what backends run, each a plain description of one pass over memory.
//!
//! A kernel names the values it reads and writes; the plan says at which byte of the arena each value lies. Each has a file
//! here, which holds all that is known of it without a device: its numbers, its operands, its name, what it writes. A
//! backend adds how it is computed, in its own file and as an implementation of the backend's trait, which
//! `dispatch!` calls: a kernel that a backend lacks does not compile.
//!
//! Adding one is a file here and a line in the list below, and a file for each backend. Operations are mapped to existing
//! kernels wherever possible.

mod accumulate;
mod advance;
mod argmax;
mod batched_gemm;
mod constant;
mod copy;
mod cross_entropy;
mod describe;
mod dropout;
mod gather;
mod gather_rows;
mod gather_targets;
mod gemm;
mod join;
mod map;
mod metrics;
mod mse;
mod permute;
mod pick;
mod proceed;
mod reduce;
mod samples;
mod scatter_rows;
mod softmax;
mod update;

use std::fmt;

pub(crate) use constant::ConstantData;
pub(crate) use cross_entropy::{ClassShare, RowScale};
pub(crate) use describe::{Content, InPlace};
use describe::{Describe, Visit};
pub(crate) use dropout::{STREAM, mask_words, threshold};
pub(crate) use gather_rows::{Indices, row_at};
pub(crate) use gemm::{Epilogue, EpilogueStep, Left, Sink};
pub(crate) use join::{Columns, Part};
pub(crate) use map::{MapInput, MapOp};
pub(crate) use reduce::Reduction;
pub(crate) use samples::Samples;
pub(crate) use update::Target;

use super::{Access, DatasetNeeds, Value};

/// The list of kernels, in which a new one needs a line. Makes the enum and the match over it.
macro_rules! kernels {
    ($($module:ident::$Kernel:ident,)*) => {
        $(pub(crate) use $module::$Kernel;)*

        /// One pass over memory.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Kernel {
            $(
                #[doc = concat!("See [`", stringify!($Kernel), "`].")]
                $Kernel($Kernel),
            )*
        }

        $(
            impl From<$Kernel> for Kernel {
                fn from(kernel: $Kernel) -> Kernel {
                    Kernel::$Kernel(kernel)
                }
            }
        )*

        /// Evaluates an expression with `k` the kernel inside a [`Kernel`], whichever that is.
        macro_rules! dispatch {
            ($kernel:expr, $k:ident => $value:expr) => {
                match $kernel {
                    $($crate::ir::kernel::Kernel::$Kernel($k) => $value,)*
                }
            };
        }
    };
}

kernels! {
    advance::Advance,
    gather::Gather,
    gather_targets::GatherTargets,
    constant::Constant,
    accumulate::Accumulate,
    proceed::Proceed,
    copy::Copy,
    gemm::Gemm,
    batched_gemm::BatchedGemm,
    map::Map,
    reduce::Reduce,
    softmax::Softmax,
    cross_entropy::CrossEntropy,
    mse::Mse,
    permute::Permute,
    join::Join,
    gather_rows::GatherRows,
    scatter_rows::ScatterRows,
    pick::Pick,
    argmax::ArgMax,
    dropout::Dropout,
    metrics::MetricSums,
    update::Update,
}

#[allow(clippy::single_component_path_imports)] // a path by which other modules find the macro
pub(crate) use dispatch;

impl Kernel {
    /// Calls `visit` for every operand.
    pub(crate) fn operands(&mut self, visit: Visit<'_>) {
        dispatch!(self, k => k.operands(visit));
    }

    /// What it writes to `value`, one of its results.
    pub(crate) fn result(&self, value: Value) -> Content {
        dispatch!(self, k => k.result(value))
    }

    /// Operands that may lie in panels: see [`Describe::panels`].
    pub(crate) fn panels(&self) -> Vec<Vec<(Value, Option<usize>)>> {
        dispatch!(self, k => k.panels())
    }

    /// Results that may lie where an operand lies: see [`Describe::in_place`].
    pub(crate) fn in_place(&self) -> Vec<InPlace> {
        dispatch!(self, k => k.in_place())
    }

    /// Its arithmetic: see [`crate::Plan::operations`].
    pub(crate) fn operations(&self) -> u64 {
        dispatch!(self, k => k.product_operations()).unwrap_or_else(|| {
            let mut elements = 0;
            self.clone().operands(&mut |_, _, count| elements += count as u64);
            elements
        })
    }

    /// Whether it multiplies matrices.
    pub(crate) fn is_product(&self) -> bool {
        dispatch!(self, k => k.product_operations()).is_some()
    }

    /// What it reads of a dataset.
    pub(crate) fn needs(&self) -> DatasetNeeds {
        dispatch!(self, k => k.needs())
    }

    /// Every operand and how it is touched.
    pub(crate) fn accesses(&self) -> Vec<(Access, Value)> {
        let mut accesses = Vec::new();
        self.clone().operands(&mut |access, value, _| accesses.push((access, *value)));
        accesses
    }

    /// Puts `new` in the place of `old` wherever that is an operand.
    pub(crate) fn replace(&mut self, old: Value, new: Value) {
        self.operands(&mut |_, value, _| {
            if *value == old {
                *value = new;
            }
        });
    }

    pub(crate) fn reads(&self, value: Value) -> bool {
        self.accesses().iter().any(|&(access, v)| v == value && access.reads())
    }

    pub(crate) fn writes(&self, value: Value) -> bool {
        self.accesses().iter().any(|&(access, v)| v == value && access.writes())
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dispatch!(self, k => k.fmt(f))
    }
}
