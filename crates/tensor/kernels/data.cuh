// Kernels that move data, and the small ones for step block, feed and metrics.
#pragma once

#include "common.cuh"

/// β to the power of `exponent`, multiplied in the same order as on the host.
DEVICE double power(double base, u64 exponent) {
    double result = 1.0;
    for (double square = base; exponent > 0; exponent >>= 1, square *= square) {
        if (exponent & 1) result *= square;
    }
    return result;
}

/// η of the schedule after so many steps. The cosine is computed in one place: it takes many registers.
DEVICE double scheduled(const Advance& p, u64 done) {
    u64 steps = p.steps > 0 ? p.steps : 1;
    if (p.schedule == Schedule::Constant) return p.learning_rate;
    if (p.schedule == Schedule::Step) return p.learning_rate * power(p.other, done / steps);
    double from = p.learning_rate, to = p.other, share = double(done < p.steps ? done : p.steps) / double(steps);
    if (p.schedule == Schedule::OneCycle) {
        double after = double(done) - p.peak, left = double(p.steps) - 1.0 - p.peak;
        bool rises = after < 0.0;
        share = rises ? double(done) / p.peak : after < left ? after / left : 1.0;
        from = rises ? p.initial : p.learning_rate;
        to = rises ? p.learning_rate : p.other;
    }
    return to + 0.5 * (from - to) * (1.0 + cospi(share));
}

/// η of step `step`, counted from 1.
DEVICE double learning_rate(const Advance& p, u64 step) {
    bool began = step > p.warmup;
    double rate = scheduled(p, began ? step - p.warmup - 1 : 0);
    return began ? rate : rate * (double(step) / double(p.warmup));
}

DEVICE void compute(const Advance& p, Share) {
    if (threadIdx.x != 0) return;
    StepBlock& block = *p.step_block;
    u64 step = ++block.step;
    double rate = learning_rate(p, step);
    double first = p.corrected ? 1.0 - power(p.betas[0], step) : 1.0;
    double second = p.corrected ? 1.0 - power(p.betas[1], step) : 1.0;
    block.first_row = 0;
    block.learning_rate = float(rate);
    block.step_size = float(rate / first);
    block.second_correction = float(1.0 / sqrt(second));
}

DEVICE void compute(const Proceed& p, Share) {
    if (threadIdx.x == 0) p.step_block->first_row += u32(p.rows);
}

DEVICE void compute(const NextBatch& p, Share) {
    if (threadIdx.x == 0 && p.feed->order) p.feed->cursor += p.rows;
}

DEVICE void compute(const Pick& p, Share share) {
    for (u64 row = share.first(); row < p.rows; row += share.step()) {
        u64 label = label_of(p.labels, row, p.classes);
        p.output[row] = label < p.classes ? p.values[label] : not_a_number();
    }
}

/// The row that index `i` names; none below `rows` where there is no such row.
DEVICE u64 row_at(const u8* indices, u64 i, u32 bytes_per_index, u64 rows) {
    if (bytes_per_index == 1) return indices[i];
    if (bytes_per_index == 2) return reinterpret_cast<const u16*>(indices)[i];
    float index = reinterpret_cast<const float*>(indices)[i];
    u64 row = index >= 0.0f && index < float(rows) ? u64(index) : rows;
    return float(row) == index ? row : rows;
}

DEVICE void compute(const GatherRows& p, Share share) {
    for (u64 i = share.first(); i < p.elements; i += share.step()) {
        u64 row = row_at(p.indices, i / p.columns, p.bytes_per_index, p.rows);
        p.output[i] = row < p.rows ? p.table[row * p.columns + i % p.columns] : not_a_number();
    }
}

/// A warp for each row of the output: it looks at all indices and adds what belongs there in its order.
DEVICE void compute(const ScatterRows& p, Share share) {
    u32 lane = threadIdx.x % WARP;
    for (u64 row = share.first_warp(); row < p.rows; row += share.warp_step()) {
        float* sums = p.output + row * p.columns;
        for (u64 column = lane; column < p.columns; column += WARP) sums[column] = 0.0f;
        for (u64 from = 0; from < p.count; from += WARP) {
            u64 i = from + lane;
            bool belongs = i < p.count && row_at(p.indices, i, p.bytes_per_index, p.rows) == row;
            for (u32 left = __ballot_sync(ALL_LANES, belongs); left != 0; left &= left - 1) {
                const float* input = p.input + (from + u32(__ffs(left)) - 1) * p.columns;
                for (u64 column = lane; column < p.columns; column += WARP) sums[column] += input[column];
            }
        }
    }
}

DEVICE void compute(const JoinPart& p, Share share) {
    for (u64 i = share.first(); i < p.elements; i += share.step()) {
        u64 row = i / p.width, column = i % p.width;
        p.output[row * p.output_columns + column] = p.input ? p.input[row * p.input_columns + column] : p.number;
    }
}

/// Row of the dataset for row `i` of the batch.
DEVICE u64 row_of(const Feed& feed, u64 i) {
    return feed.order ? feed.order[feed.cursor + i] : i;
}

/// x · scale + shift for one channel of one sample.
template <class T> DEVICE void normalise(const T* input, float* output, u64 pixels, float scale, float shift) {
    for (u64 i = threadIdx.x; i < pixels; i += THREADS) output[i] = fmaf(float(input[i]), scale, shift);
}

/// The same for bytes on a multiple of 4 and floats on a multiple of 16 bytes.
DEVICE void normalise_fours(const u8* input, float* output, u64 pixels, float scale, float shift) {
    for (u64 i = threadIdx.x; i < pixels / 4; i += THREADS) {
        uchar4 x = reinterpret_cast<const uchar4*>(input)[i];
        reinterpret_cast<float4*>(output)[i] =
            make_float4(fmaf(float(x.x), scale, shift), fmaf(float(x.y), scale, shift),
                        fmaf(float(x.z), scale, shift), fmaf(float(x.w), scale, shift));
    }
}

DEVICE void compute(const Gather& p, Share share) {
    const Feed feed = *p.feed;
    bool fours = (p.pixels | p.width | u64(feed.samples)) % 4 == 0 && u64(p.output) % 16 == 0;
    for (u64 i = share.block; i < p.rows; i += share.blocks) {
        u64 row = row_of(feed, i);
        for (u32 channel = 0; channel < p.channels; channel++) {
            u64 start = (p.first_channel + channel) * p.pixels;
            float* output = p.output + i * p.width + start;
            float scale = p.scale[channel], shift = p.shift[channel];
            const u8* bytes = feed.samples + row * p.width + start;
            if (p.bytes_per_element == 4) {
                const float* values = reinterpret_cast<const float*>(feed.samples) + row * p.width + start;
                normalise(values, output, p.pixels, scale, shift);
            } else if (fours) {
                normalise_fours(bytes, output, p.pixels, scale, shift);
            } else {
                normalise(bytes, output, p.pixels, scale, shift);
            }
        }
    }
}

DEVICE void compute(const GatherTargets& p, Share share) {
    const Feed feed = *p.feed;
    for (u64 i = share.first(); i < p.rows * p.bytes_per_row; i += share.step()) {
        u64 row = i / p.bytes_per_row;
        p.output[i] = feed.targets[row_of(feed, row) * p.bytes_per_row + i % p.bytes_per_row];
    }
}

DEVICE void compute(const Fill& p, Share share) {
    for (u64 i = share.first(); i < p.elements; i += share.step()) p.output[i] = p.value;
}

DEVICE void compute(const Accumulate& p, Share share) {
    for (u64 i = share.first(); i < p.elements; i += share.step()) p.output[i] += p.input[i];
}

DEVICE void compute(const Copy& p, Share share) {
    u64 words = (u64(p.input) | u64(p.output)) % 4 == 0 ? p.bytes / 4 : 0;
    for (u64 i = share.first(); i < words; i += share.step()) {
        reinterpret_cast<u32*>(p.output)[i] = reinterpret_cast<const u32*>(p.input)[i];
    }
    for (u64 i = 4 * words + share.first(); i < p.bytes; i += share.step()) p.output[i] = p.input[i];
}

DEVICE void compute(const Permute& p, Share share) {
    for (u64 i = share.first(); i < p.elements; i += share.step()) {
        u64 rest = i, source = 0;
        for (u32 axis = p.rank; axis-- > 0; rest /= p.dims[axis]) source += rest % p.dims[axis] * p.strides[axis];
        p.output[i] = p.input[source];
    }
}

DEVICE void compute(const Transpose& p, Share share) {
    float* square = reinterpret_cast<float*>(shared);
    u64 across = (p.columns + TRANSPOSED - 1) / TRANSPOSED, down = (p.rows + TRANSPOSED - 1) / TRANSPOSED;
    u32 x = threadIdx.x % TRANSPOSED, y = threadIdx.x / TRANSPOSED;
    for (u64 unit = share.block; unit < across * down; unit += share.blocks) {
        u64 row = unit / across * TRANSPOSED, column = unit % across * TRANSPOSED;
        for (u32 i = y; i < TRANSPOSED; i += THREADS / TRANSPOSED) {
            if (row + i < p.rows && column + x < p.columns) {
                square[i * TRANSPOSED_STRIDE + x] = p.input[(row + i) * p.columns + column + x];
            }
        }
        __syncthreads();
        for (u32 i = y; i < TRANSPOSED; i += THREADS / TRANSPOSED) {
            if (column + i < p.columns && row + x < p.rows) {
                p.output[(column + i) * p.rows + row + x] = square[x * TRANSPOSED_STRIDE + i];
            }
        }
        __syncthreads();
    }
}

/// Adds sample by sample, so that the sum does not depend on how samples are cut into batches: one chain for the running
/// sum, and in another warp one for the batch. Counting may be done in any order.
DEVICE void compute(const Metrics& p, Share) {
    float* losses = reinterpret_cast<float*>(shared);
    u32* counts = reinterpret_cast<u32*>(losses + METRIC_RUN);
    bool running = threadIdx.x == 0, batch = threadIdx.x == WARP;
    double sum = running ? p.sums->loss_sum : batch && p.continues ? p.sums->last_sum : 0.0;
    u32 correct = 0;
    for (u64 from = 0; from < p.rows; from += METRIC_RUN) {
        u32 n = p.rows - from < METRIC_RUN ? u32(p.rows - from) : METRIC_RUN;
        for (u32 i = threadIdx.x; i < n; i += THREADS) {
            losses[i] = p.losses[from + i];
            if (p.correct) correct += p.correct[from + i] != 0.0f;
        }
        __syncthreads();
        if (running || batch) {
            for (u32 i = 0; i < n; i++) sum += double(losses[i]);
        }
        __syncthreads();
    }
    correct = warp_sum(correct);
    if (threadIdx.x % WARP == 0) counts[threadIdx.x / WARP] = correct;
    __syncthreads();
    if (batch) {
        p.sums->last_sum = sum;
        p.sums->last_samples = p.rows + (p.continues ? p.sums->last_samples : 0);
    }
    if (running) {
        p.sums->loss_sum = sum;
        p.sums->samples += p.rows;
        for (u32 warp = 0; warp < WARPS; warp++) p.sums->correct += counts[warp];
    }
}
