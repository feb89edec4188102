// Sums, sums of squares and maxima along one axis: `[outer, reduced, inner]` to `[outer, inner]`.
//
// Each thread sums its share of the axis in f64, which costs little compared with reading it; the threads' results are
// then combined in a fixed order.
#pragma once

#include "common.cuh"

struct Reduction {
    double sum;
    float maximum;

    DEVICE void take(const Reduce& p, float x) {
        if (p.maximum) {
            maximum = larger(maximum, x);
        } else {
            sum += p.squared ? double(x) * double(x) : double(x);
        }
    }
    DEVICE void take(const Reduction& other) {
        sum += other.sum;
        maximum = larger(maximum, other.maximum);
    }
    DEVICE float result(const Reduce& p) const {
        return p.maximum ? maximum : float(sum);
    }
};

static_assert(THREADS * sizeof(Reduction) <= REDUCE_BYTES, "a block's results fit into its shared memory");

/// Contiguous rows: a warp for each.
DEVICE void reduce_rows(const Reduce& p, Share share) {
    for (u64 row = share.first_warp(); row < p.outer; row += share.warp_step()) {
        Reduction mine = {0.0, -infinity()};
        for (u64 i = threadIdx.x % WARP; i < p.reduced; i += WARP) mine.take(p, p.input[row * p.reduced + i]);
        mine.sum = warp_sum(mine.sum);
        mine.maximum = warp_larger(mine.maximum);
        if (threadIdx.x % WARP == 0) p.output[row] = mine.result(p);
    }
}

/// Neighbouring columns, a lane for each, and the axis cut among the warps of a block. One long row is cut among all
/// threads.
DEVICE void reduce_columns(const Reduce& p, Share share) {
    Reduction* results = reinterpret_cast<Reduction*>(shared);
    bool one_row = p.inner == 1;
    u64 panels = (p.inner + WARP - 1) / WARP;
    u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    u32 cuts = one_row ? THREADS : WARPS, cut = one_row ? threadIdx.x : warp, columns = one_row ? 1 : WARP;
    for (u64 unit = share.block; unit < p.outer * panels; unit += share.blocks) {
        u64 outer = unit / panels, column = one_row ? 0 : unit % panels * WARP + lane;
        Reduction mine = {0.0, -infinity()};
        if (column < p.inner) {
            const float* input = p.input + outer * p.reduced * p.inner + column;
            for (u64 i = cut; i < p.reduced; i += cuts) mine.take(p, input[i * p.inner]);
        }
        if (one_row) mine = {warp_sum(mine.sum), warp_larger(mine.maximum)};
        if (lane < columns) results[warp * columns + lane] = mine;
        __syncthreads();
        if (threadIdx.x < columns && column < p.inner) {
            for (u32 i = 1; i < WARPS; i++) mine.take(results[i * columns + lane]);
            p.output[outer * p.inner + column] = mine.result(p);
        }
        __syncthreads();
    }
}

DEVICE void compute(const Reduce& p, Share share) {
    if (p.inner == 1 && p.reduced < LONG_ROW) {
        reduce_rows(p, share);
    } else {
        reduce_columns(p, share);
    }
}
