//! What all kernels share: the size of blocks, and what lies in device memory beside arrays.

use super::shared::{Address, Input, shared};
use crate::ir::{MetricBlock, StepBlock};

shared! {
    /// Threads of every block.
    const THREADS: u32 = 256;

    /// Threads of a warp.
    const WARP: u32 = 32;

    /// Warps of every block.
    const WARPS: u32 = THREADS / WARP;

    /// What changes from step to step.
    extern struct StepBlock {
        step: u64,
        seed: u64,
        learning_rate: f32,
        step_size: f32,
        second_correction: f32,
        first_row: u32,
    }

    /// Running sums of losses and right answers.
    extern struct MetricBlock {
        loss_sum: f64,
        samples: u64,
        correct: u64,
        /// Of the last batch.
        last_sum: f64,
        last_samples: u64,
    }

    /// Where batches come from.
    struct Feed {
        samples: Input<u8>,
        targets: Input<u8>,
        /// Rows of the dataset in the order in which steps take them; null if each step takes rows from 0 on.
        order: Input<u32>,
        /// Place in the order of the next step's first row.
        cursor: u64,
    }
}

impl Feed {
    /// At the beginning of `order`, or without one where that is 0.
    pub(crate) fn new(samples: Address, targets: Address, order: Address) -> Feed {
        Feed { samples: samples.into(), targets: targets.into(), order: order.into(), cursor: 0 }
    }

    /// The bytes that the device reads.
    pub(crate) fn to_bytes(self) -> [u8; size_of::<Feed>()] {
        let words = [self.samples.address(), self.targets.address(), self.order.address(), self.cursor];
        words.map(u64::to_ne_bytes).as_flattened().try_into().expect("four words")
    }
}
