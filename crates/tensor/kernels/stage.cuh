// A step of training is a plan's stages in turn, and a stage is one launch: its items, which touch nothing of each other's,
// are computed side by side by blocks of their own.
//
// Items are parameters of the launch, so a launch reads nothing to know its work, and a captured sequence of launches can be
// replayed for ever: what changes from step to step lies in the step block and in the feed.

#pragma once

#include "item.cuh"

#include "data.cuh"
#include "gemm.cuh"
#include "map.cuh"
#include "reduce.cuh"
#include "rows.cuh"
#include "update.cuh"

/// Computes a block's share of an item; `PRODUCTS` is what the kernel has of tiles.
template <class PRODUCTS> DEVICE void run_item(const Item& item, Share share) {
    const Work& work = item.work;
    switch (item.kind) {
        case ADVANCE: return run(work.advance, share);
        case GATHER: return run(work.gather, share);
        case GATHER_TARGETS: return run(work.gather_targets, share);
        case NEXT_BATCH: return run(work.next_batch, share);
        case FILL: return run(work.fill, share);
        case ACCUMULATE: return run(work.accumulate, share);
        case PROCEED: return run(work.proceed, share);
        case COPY: return run(work.copy, share);
        case GEMM: return PRODUCTS::run(work.gemm, share);
        case MAP: return run(work.map, share);
        case REDUCE: return run(work.reduce, share);
        case SOFTMAX: return run(work.softmax, share);
        case CROSS_ENTROPY: return run(work.cross_entropy, share);
        case MSE: return run(work.mse, share);
        case PERMUTE: return run(work.permute, share);
        case TRANSPOSE: return run(work.transpose, share);
        case ARG_MAX: return run(work.arg_max, share);
        case DROPOUT: return run(work.dropout, share);
        case METRICS: return run(work.metrics, share);
        case UPDATE: return run(work.update, share);
    }
}

/// Finds the item that this block belongs to, and computes its share once the stage before is done.
template <class PRODUCTS> DEVICE void run_stage(const Items& items) {
    u32 i = 0;
    while (i + 1 < MOST_ITEMS && blockIdx.x >= items.first_blocks[i + 1]) i++;
    const Item& item = items.items[i];
    await_last_launch();
    run_item<PRODUCTS>(item, {blockIdx.x - items.first_blocks[i], item.blocks});
}
