// Kernels whose units are rows, a warp for each: softmax, the losses with their gradients, argmax; and dropout.
#pragma once

#include "common.cuh"

DEVICE u32 lane_of_warp() {
    return threadIdx.x % WARP;
}

/// The largest number of a row; a NaN is ignored, as it makes the sum of exponentials NaN anyway.
DEVICE float row_maximum(const float* x, u64 columns) {
    float maximum = -infinity();
    for (u64 i = lane_of_warp(); i < columns; i += WARP) maximum = fmaxf(maximum, x[i]);
    return warp_larger(maximum);
}

/// Σ e^(xᵢ − max).
DEVICE float row_exponentials(const float* x, u64 columns, float maximum) {
    float sum = 0.0f;
    for (u64 i = lane_of_warp(); i < columns; i += WARP) sum += expf(x[i] - maximum);
    return warp_sum(sum);
}

DEVICE void compute(const Softmax& p, Share share) {
    for (u64 row = share.first_warp(); row < p.rows; row += share.warp_step()) {
        const float* x = p.input + row * p.columns;
        float* y = p.output + row * p.columns;
        float maximum = row_maximum(x, p.columns);
        float sum = row_exponentials(x, p.columns, maximum);
        float logarithm = logf(sum), factor = 1.0f / sum;
        for (u64 i = lane_of_warp(); i < p.columns; i += WARP) {
            // One subtraction of max + ln Σ would lose the logarithm beside a large maximum.
            y[i] = p.logarithm ? (x[i] - maximum) - logarithm : expf(x[i] - maximum) * factor;
        }
    }
}

/// Σ of the class weights, and Σ of each times its logit's distance from the largest.
struct Spread {
    float weights, distances;
};

DEVICE Spread spread_over_classes(const CrossEntropy& p, const float* x, float maximum) {
    Spread spread = {0.0f, 0.0f};
    for (u64 i = lane_of_warp(); i < p.columns; i += WARP) {
        float weight = p.weights ? p.weights[i] : 1.0f;
        spread.weights += weight;
        spread.distances = fmaf(weight, x[i] - maximum, spread.distances);
    }
    return {warp_sum(spread.weights), warp_sum(spread.distances)};
}

DEVICE void compute(const CrossEntropy& p, Share share) {
    for (u64 row = share.first_warp(); row < p.rows; row += share.warp_step()) {
        const float* x = p.logits + row * p.columns;
        u64 label = label_of(p.labels, row, p.columns);
        float maximum = row_maximum(x, p.columns);
        float sum = row_exponentials(x, p.columns, maximum);
        // Without weights and smoothing hit and mass are 1, which changes no bit.
        float hit = p.weights && label < p.columns ? p.hit * p.weights[label] : p.hit;
        Spread spread = {0.0f, 0.0f};
        if (p.spread != 0.0f) spread = spread_over_classes(p, x, maximum);
        float mass = hit + p.spread * spread.weights;
        if (p.losses && lane_of_warp() == 0) {
            float spread_loss = p.spread * spread.distances;
            p.losses[row] = label < p.columns ? mass * logf(sum) - hit * (x[label] - maximum) - spread_loss
                                              : not_a_number();
        }
        if (p.gradient) {
            float scale = p.scales ? p.scales[row] : p.scale;
            float factor = scale * mass / sum;
            float* gradient = p.gradient + row * p.columns;
            for (u64 i = lane_of_warp(); i < p.columns; i += WARP) {
                float share_of_class = expf(x[i] - maximum) * factor;
                float target = i == label ? hit : 0.0f;
                if (p.spread != 0.0f) target = fmaf(p.spread, p.weights ? p.weights[i] : 1.0f, target);
                gradient[i] = share_of_class - scale * target;
            }
        }
    }
}

DEVICE void compute(const Mse& p, Share share) {
    float width = 1.0f / float(p.columns);
    for (u64 row = share.first_warp(); row < p.rows; row += share.warp_step()) {
        float factor = 2.0f * width * (p.scales ? p.scales[row] : p.scale);
        float squares = 0.0f;
        for (u64 i = lane_of_warp(); i < p.columns; i += WARP) {
            u64 at = row * p.columns + i;
            float error = p.prediction[at] - p.target[at];
            squares = fmaf(error, error, squares);
            if (p.gradient) p.gradient[at] = error * factor;
        }
        squares = warp_sum(squares);
        if (p.losses && lane_of_warp() == 0) p.losses[row] = squares * width;
    }
}

/// Whether a number at column `i` comes before the best so far: larger, or NaN; of equals the first.
DEVICE bool better(float value, u64 i, float best, u64 best_i) {
    bool equal = value == best || (is_nan(value) && is_nan(best));
    if (equal) return i < best_i;
    return value > best || (is_nan(value) && !is_nan(best));
}

DEVICE void compute(const ArgMax& p, Share share) {
    for (u64 row = share.first_warp(); row < p.rows; row += share.warp_step()) {
        const float* x = p.input + row * p.columns;
        float best = -infinity();
        u64 column = lane_of_warp() < p.columns ? lane_of_warp() : 0;
        for (u64 i = lane_of_warp(); i < p.columns; i += WARP) {
            if (better(x[i], i, best, column)) {
                best = x[i];
                column = i;
            }
        }
        for (u32 lanes = WARP / 2; lanes > 0; lanes /= 2) {
            float other = __shfl_xor_sync(ALL_LANES, best, lanes);
            u64 other_column = __shfl_xor_sync(ALL_LANES, column, lanes);
            if (better(other, other_column, best, column)) {
                best = other;
                column = other_column;
            }
        }
        if (lane_of_warp() == 0) {
            bool right = p.labels && column == label_of(p.labels, row, p.columns) && !is_nan(best);
            p.output[row] = p.labels ? (right ? 1.0f : 0.0f) : float(column);
        }
    }
}

struct Words {
    u32 word[4];
};

/// Philox 4×32, ten rounds, as on the host (src/random.rs).
DEVICE Words philox(u32 a, u32 b, u32 c, u32 d, u32 k, u32 l) {
    for (u32 round = 0; round < 10; round++) {
        u64 p = u64(a) * 0xD2511F53u, q = u64(c) * 0xCD9E8D57u;
        a = u32(q >> 32) ^ b ^ k;
        b = u32(q);
        c = u32(p >> 32) ^ d ^ l;
        d = u32(p);
        k += 0x9E3779B9u;
        l += 0xBB67AE85u;
    }
    return {{a, b, c, d}};
}

DEVICE void compute(const Dropout& p, Share share) {
    const StepBlock block = *p.step_block;
    u64 fours = (p.units + 3) / 4;
    for (u64 unit = share.first(); unit < p.rows * fours; unit += share.step()) {
        u64 row = unit / fours, four = unit % fours;
        u64 position = u64(block.first_row) + row;
        Words words = philox(u32(four), u32(position), u32(block.step), u32(block.step >> 32) ^ (p.layer << 16),
                             u32(block.seed) ^ DROPOUT_STREAM, u32(block.seed >> 32));
        for (u32 i = 0; i < 4 && 4 * four + i < p.units; i++) {
            u64 at = row * p.units + 4 * four + i;
            p.output[at] = words.word[i] >= p.limit ? p.input[at] * p.scale : 0.0f;
        }
    }
}
