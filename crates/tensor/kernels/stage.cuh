// A step of training is a plan's stages in turn, and a stage is one launch: its items, which touch nothing of each other's,
// are computed side by side by different blocks.
//
// Items are parameters of the launch, so a launch reads nothing to know its work, and a captured sequence of launches can be
// replayed for ever: what changes from step to step lies in the step block and in the feed.

#pragma once

#include "data.cuh"
#include "gemm.cuh"
#include "map.cuh"
#include "reduce.cuh"
#include "rows.cuh"
#include "update.cuh"

/// Computes a block's share of an item, with the device code that a module has.
template <class MODULE> DEVICE void run_item(const Item& item, Share share) {
    switch (Kind(item.kind)) {
#define CASE(KIND, MEMBER) \
    case Kind::KIND: return MODULE::run(item.work.MEMBER, share);
        EVERY_KIND(CASE)
#undef CASE
    }
}

/// Finds the item that this block belongs to, and computes its share once the stage before has finished.
template <class MODULE> DEVICE void run_stage(const Items& items) {
    u32 i = 0;
    while (i + 1 < MOST_ITEMS && blockIdx.x >= items.first_blocks[i + 1]) i++;
    const Item& item = items.items[i];
    await_last_launch();
    run_item<MODULE>(item, {blockIdx.x - items.first_blocks[i], item.blocks});
}
