// How a compiler lays the parameters out, for a test to compare with the host's structures.
#pragma once

#include <stddef.h>

#include "../data.cuh"
#include "../gemm.cuh"
#include "../reduce.cuh"
#include "../tensor_cores.cuh"

constexpr uint64_t LAYOUT[] = {
    sizeof(Items),
    offsetof(Items, items),
    sizeof(Item),
    offsetof(Item, work),
    sizeof(StepBlock),
    offsetof(StepBlock, first_row),
    sizeof(MetricBlock),
    offsetof(MetricBlock, last_samples),
    sizeof(Feed),
    offsetof(Feed, cursor),
    sizeof(Advance),
    offsetof(Advance, corrected),
    sizeof(Gather),
    offsetof(Gather, shift),
    sizeof(GatherTargets),
    offsetof(GatherTargets, bytes_per_row),
    sizeof(NextBatch),
    sizeof(Fill),
    offsetof(Fill, value),
    sizeof(Accumulate),
    sizeof(Proceed),
    sizeof(Copy),
    sizeof(Gemm),
    offsetof(Gemm, vector_c),
    sizeof(Map),
    offsetof(Map, vector),
    sizeof(Reduce),
    offsetof(Reduce, maximum),
    sizeof(Softmax),
    offsetof(Softmax, logarithm),
    sizeof(CrossEntropy),
    offsetof(CrossEntropy, scale),
    sizeof(Mse),
    offsetof(Mse, scale),
    sizeof(Permute),
    offsetof(Permute, rank),
    sizeof(Transpose),
    sizeof(ArgMax),
    sizeof(Dropout),
    offsetof(Dropout, scale),
    sizeof(Metrics),
    offsetof(Metrics, continues),
    sizeof(Update),
    offsetof(Update, vector),
    // What tiles take of shared memory, in bytes.
    4 * Narrow::SHARED_FLOATS,
    4 * Sliced::SHARED_FLOATS,
    4 * Small::SHARED_FLOATS,
    4 * Medium::SHARED_FLOATS,
    4 * Broad::SHARED_FLOATS,
    4 * Large::SHARED_FLOATS,
    4 * TensorTile::SHARED_FLOATS,
    // And other kernels.
    4 * TURN * TURN_STRIDE,
    4 * (METRIC_RUN + WARPS),
    THREADS * sizeof(Reduction),
};
