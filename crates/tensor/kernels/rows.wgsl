// Kernels whose units are rows, a group of threads for each: softmax, the losses with their gradients, argmax; and dropout.

/// Threads of a group that have a column at all.
fn lanes_of(columns: u32) -> u32 {
    return min(WARP, columns);
}

/// The largest number of a row; a NaN makes the sum of exponentials NaN anyway. Of a row that is not there, 0.
fn row_maximum(x: u32, columns: u32, is_there: bool) -> f32 {
    var maximum = -infinity();
    if (is_there) {
        for (var i = lane(); i < columns; i += WARP) {
            maximum = max(maximum, load(x + i));
        }
    }
    return group_larger(maximum, lanes_of(columns));
}

/// Σ e^(xᵢ − max).
fn row_exponentials(x: u32, columns: u32, maximum: f32, is_there: bool) -> f32 {
    var sum = 0.0;
    if (is_there) {
        for (var i = lane(); i < columns; i += WARP) {
            sum += exponential(load(x + i) - maximum);
        }
    }
    return group_sum(sum, lanes_of(columns));
}

fn softmax(p: u32, share: Share) {
    let rows = word(p + SOFTMAX_ROWS);
    let columns = word(p + SOFTMAX_COLUMNS);
    let logarithm = word(p + SOFTMAX_LOGARITHM) != 0u;
    for (var some = share.block * WARPS; some < rows; some += share.blocks * WARPS) {
        let row = row_of_group(some);
        let is_there = row < rows;
        let x = word(p + SOFTMAX_INPUT) + row * columns;
        let y = word(p + SOFTMAX_OUTPUT) + row * columns;
        let maximum = row_maximum(x, columns, is_there);
        let sum = row_exponentials(x, columns, maximum, is_there);
        if (!is_there) {
            continue;
        }
        let of_sum = log(sum);
        let factor = 1.0 / sum;
        for (var i = lane(); i < columns; i += WARP) {
            // One subtraction of max + ln Σ would lose the logarithm beside a large maximum.
            let distance = load(x + i) - maximum;
            store(y + i, select(exponential(distance) * factor, distance - of_sum, logarithm));
        }
    }
}

/// A class's weight.
fn class_weight(p: u32, class_number: u32) -> f32 {
    let weights = word(p + CROSS_ENTROPY_WEIGHTS);
    if (weights == NOWHERE) {
        return 1.0;
    }
    return load(weights + class_number);
}

/// Σ of the class weights, and Σ of each times its logit's distance from the largest.
fn spread_over_classes(p: u32, x: u32, columns: u32, maximum: f32, is_there: bool) -> vec2<f32> {
    var spread = vec2(0.0, 0.0);
    if (is_there) {
        for (var i = lane(); i < columns; i += WARP) {
            let weight = class_weight(p, i);
            spread.x += weight;
            spread.y = fma(weight, load(x + i) - maximum, spread.y);
        }
    }
    let weights = group_sum(spread.x, lanes_of(columns));
    return vec2(weights, group_sum(spread.y, lanes_of(columns)));
}

fn cross_entropy(p: u32, share: Share) {
    let rows = word(p + CROSS_ENTROPY_ROWS);
    let columns = word(p + CROSS_ENTROPY_COLUMNS);
    let losses = word(p + CROSS_ENTROPY_LOSSES);
    let gradient = word(p + CROSS_ENTROPY_GRADIENT);
    let scales = word(p + CROSS_ENTROPY_SCALES);
    let per_class = number(p + CROSS_ENTROPY_SPREAD);
    for (var some = share.block * WARPS; some < rows; some += share.blocks * WARPS) {
        let row = row_of_group(some);
        let is_there = row < rows;
        let x = word(p + CROSS_ENTROPY_LOGITS) + row * columns;
        let maximum = row_maximum(x, columns, is_there);
        let sum = row_exponentials(x, columns, maximum, is_there);
        var spread = vec2(0.0, 0.0);
        if (per_class != 0.0) {
            spread = spread_over_classes(p, x, columns, maximum, is_there);
        }
        if (!is_there) {
            continue;
        }
        let label = label_of(word(p + CROSS_ENTROPY_LABELS), row, columns);
        var hit = number(p + CROSS_ENTROPY_HIT);
        if (label < columns) {
            hit *= class_weight(p, label);
        }
        let mass = hit + per_class * spread.x;
        if (losses != NOWHERE && lane() == 0u) {
            var loss = not_a_number();
            if (label < columns) {
                loss = mass * log(sum) - hit * (load(x + label) - maximum) - per_class * spread.y;
            }
            store(losses + row, loss);
        }
        if (gradient == NOWHERE) {
            continue;
        }
        var scale = number(p + CROSS_ENTROPY_SCALE);
        if (scales != NOWHERE) {
            scale = load(scales + row);
        }
        let factor = scale * mass / sum;
        for (var i = lane(); i < columns; i += WARP) {
            let target_share = select(0.0, hit, i == label) + per_class * class_weight(p, i);
            store(gradient + row * columns + i, exponential(load(x + i) - maximum) * factor - scale * target_share);
        }
    }
}

fn mse(p: u32, share: Share) {
    let rows = word(p + MSE_ROWS);
    let columns = word(p + MSE_COLUMNS);
    let losses = word(p + MSE_LOSSES);
    let gradient = word(p + MSE_GRADIENT);
    let scales = word(p + MSE_SCALES);
    let width = 1.0 / f32(columns);
    for (var some = share.block * WARPS; some < rows; some += share.blocks * WARPS) {
        let row = row_of_group(some);
        let is_there = row < rows;
        var squares = 0.0;
        if (is_there) {
            var scale = number(p + MSE_SCALE);
            if (scales != NOWHERE) {
                scale = load(scales + row);
            }
            let factor = 2.0 * width * scale;
            for (var i = lane(); i < columns; i += WARP) {
                let at = row * columns + i;
                let error = load(word(p + MSE_PREDICTION) + at) - load(word(p + MSE_TARGET) + at);
                squares = fma(error, error, squares);
                if (gradient != NOWHERE) {
                    store(gradient + at, error * factor);
                }
            }
        }
        squares = group_sum(squares, lanes_of(columns));
        if (is_there && losses != NOWHERE && lane() == 0u) {
            store(losses + row, squares * width);
        }
    }
}

/// Whether a number at column `i` comes before the best so far: larger, or NaN; of equals the first.
fn is_better(value: f32, i: u32, best: f32, best_i: u32) -> bool {
    if (is_nan(value) || is_nan(best)) {
        return is_nan(value) && (!is_nan(best) || i < best_i);
    }
    return value > best || (value == best && i < best_i);
}

fn arg_max(p: u32, share: Share) {
    let rows = word(p + ARG_MAX_ROWS);
    let columns = word(p + ARG_MAX_COLUMNS);
    let labels = word(p + ARG_MAX_LABELS);
    for (var some = share.block * WARPS; some < rows; some += share.blocks * WARPS) {
        let row = row_of_group(some);
        let is_there = row < rows;
        let x = word(p + ARG_MAX_INPUT) + row * columns;
        var best = -infinity();
        var column = select(0u, lane(), lane() < columns);
        if (is_there) {
            for (var i = lane(); i < columns; i += WARP) {
                if (is_better(load(x + i), i, best, column)) {
                    best = load(x + i);
                    column = i;
                }
            }
        }
        scratch[thread] = best;
        scratch[THREADS + thread] = f32(column);
        workgroupBarrier();
        if (is_there && lane() == 0u) {
            for (var i = 1u; i < lanes_of(columns); i++) {
                let other = scratch[thread + i];
                let other_column = u32(scratch[THREADS + thread + i]);
                if (is_better(other, other_column, best, column)) {
                    best = other;
                    column = other_column;
                }
            }
            var result = f32(column);
            if (labels != NOWHERE) {
                result = select(0.0, 1.0, column == label_of(labels, row, columns) && !is_nan(best));
            }
            store(word(p + ARG_MAX_OUTPUT) + row, result);
        }
        workgroupBarrier();
    }
}

/// Philox 4×32, ten rounds, as on the host (src/random.rs).
fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let p = mul_wide(c.x, 0xD2511F53u);
        let q = mul_wide(c.z, 0xCD9E8D57u);
        c = vec4(q.y ^ c.y ^ k.x, q.x, p.y ^ c.w ^ k.y, p.x);
        k += vec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

fn dropout(p: u32, share: Share) {
    let block = word(p + DROPOUT_STEP_BLOCK);
    let units = word(p + DROPOUT_UNITS);
    let fours = (units + 3u) / 4u;
    let key = vec2(load_word(block + STEP_BLOCK_SEED) ^ DROPOUT_STREAM, load_word(block + STEP_BLOCK_SEED + 1u));
    let step_low = load_word(block + STEP_BLOCK_STEP);
    let step_high = load_word(block + STEP_BLOCK_STEP + 1u) ^ (word(p + DROPOUT_LAYER) << 16u);
    for (var unit = first_of(share); unit < word(p + DROPOUT_ROWS) * fours; unit += step_of(share)) {
        let row = unit / fours;
        let four = unit % fours;
        let words = philox(vec4(four, load_word(block + STEP_BLOCK_FIRST_ROW) + row, step_low, step_high), key);
        for (var i = 0u; i < 4u && 4u * four + i < units; i++) {
            let at = row * units + 4u * four + i;
            let kept = load(word(p + DROPOUT_INPUT) + at) * number(p + DROPOUT_SCALE);
            store(word(p + DROPOUT_OUTPUT) + at, select(0.0, kept, words[i] >= word(p + DROPOUT_LIMIT)));
        }
    }
}
