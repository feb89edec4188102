//! Host and kernels mean the same by the same bytes.

use std::mem::offset_of;

use crate::backend::cuda::items::{
    Accumulate, Advance, ArgMax, Copying, Dropout, Feed, Fill, Gather, GatherTargets, Gemm, Item, Items,
    Loss, Map, Metrics, NextBatch, Permute, Proceed, Reduce, Softmax, Transpose, Update,
};
use crate::backend::cuda::lower::{METRICS_BYTES, REDUCE_BYTES, TRANSPOSE_BYTES};
use crate::backend::cuda::tile::Tile;
use crate::plan::{MetricBlock, StepBlock};
use crate::testing::emulator;

/// Sizes and offsets, in the order of `LAYOUT` in `kernels/emulator/layout.h`.
fn layout() -> Vec<usize> {
    let mut layout = vec![
        size_of::<Items>(),
        offset_of!(Items, items),
        size_of::<Item>(),
        offset_of!(Item, parameters),
        size_of::<StepBlock>(),
        offset_of!(StepBlock, first_row),
        size_of::<MetricBlock>(),
        offset_of!(MetricBlock, last_samples),
        size_of::<Feed>(),
        offset_of!(Feed, cursor),
        size_of::<Advance>(),
        offset_of!(Advance, corrected),
        size_of::<Gather>(),
        offset_of!(Gather, shift),
        size_of::<GatherTargets>(),
        offset_of!(GatherTargets, bytes_per_row),
        size_of::<NextBatch>(),
        size_of::<Fill>(),
        offset_of!(Fill, value),
        size_of::<Accumulate>(),
        size_of::<Proceed>(),
        size_of::<Copying>(),
        size_of::<Gemm>(),
        offset_of!(Gemm, vector) + 8,
        size_of::<Map>(),
        offset_of!(Map, vector),
        size_of::<Reduce>(),
        offset_of!(Reduce, maximum),
        size_of::<Softmax>(),
        offset_of!(Softmax, logarithm),
        size_of::<Loss>(),
        offset_of!(Loss, scale),
        size_of::<Loss>(),
        offset_of!(Loss, scale),
        size_of::<Permute>(),
        offset_of!(Permute, rank),
        size_of::<Transpose>(),
        size_of::<ArgMax>(),
        size_of::<Dropout>(),
        offset_of!(Dropout, scale),
        size_of::<Metrics>(),
        offset_of!(Metrics, continues),
        size_of::<Update>(),
        offset_of!(Update, vector),
    ];
    layout.extend(Tile::ALL.map(|tile| tile.shared_bytes() as usize));
    layout.extend([TRANSPOSE_BYTES, METRICS_BYTES, REDUCE_BYTES]);
    layout
}

#[test]
fn host_and_kernels_lay_parameters_out_alike() {
    let Some(emulator) = emulator(0) else { return };
    assert_eq!(layout(), emulator.layout());
}
