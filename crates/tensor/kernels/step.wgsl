// The small kernels for step block, feed and metrics.

/// β to the power of `exponent`, multiplied in the same order as on the host.
fn wide_power(base: vec2<u32>, exponent: vec2<u32>) -> vec2<u32> {
    var result = ONE;
    var square = base;
    var left = exponent;
    while (!is_zero(left)) {
        if ((left.x & 1u) == 1u) {
            result = wide_mul(result, square);
        }
        square = wide_mul(square, square);
        left = vec2(left.x >> 1u | left.y << 31u, left.y >> 1u);
    }
    return result;
}

/// η of the schedule after so many steps.
fn scheduled(p: u32, done: vec2<u32>) -> vec2<u32> {
    let schedule = word(p + ADVANCE_SCHEDULE);
    let rate = wide_parameter(p + ADVANCE_LEARNING_RATE);
    let other = wide_parameter(p + ADVANCE_OTHER);
    let steps = max(word(p + ADVANCE_STEPS), 1u);
    if (schedule == SCHEDULE_CONSTANT) {
        return rate;
    }
    if (schedule == SCHEDULE_STEP) {
        return wide_mul(rate, wide_power(other, whole_quotient(done, steps)));
    }
    let is_over = done.y > 0u || done.x >= word(p + ADVANCE_STEPS);
    let of_steps = wide_of_whole(vec2(select(done.x, word(p + ADVANCE_STEPS), is_over), 0u));
    var share = wide_div(of_steps, wide_of_whole(vec2(steps, 0u)));
    var high = rate;
    var low = other;
    if (schedule == SCHEDULE_ONE_CYCLE) {
        let peak = wide_parameter(p + ADVANCE_PEAK);
        let after = wide_sub(wide_of_whole(done), peak);
        let left = wide_sub(wide_sub(wide_of_whole(vec2(word(p + ADVANCE_STEPS), 0u)), ONE), peak);
        if (sign_bit(after) != 0u) {
            share = wide_div(wide_of_whole(done), peak);
            high = wide_parameter(p + ADVANCE_INITIAL);
            low = rate;
        } else if (sign_bit(wide_sub(after, left)) != 0u) {
            share = wide_div(after, left);
        } else {
            share = ONE;
        }
    }
    let turn = wide_add(ONE, wide_cos_pi(share));
    return wide_add(low, wide_mul(wide_mul(vec2(0u, 0x3FE00000u), wide_sub(high, low)), turn));
}

/// How often `by` goes into a whole number: bit by bit.
fn whole_quotient(x: vec2<u32>, by: u32) -> vec2<u32> {
    let high = x.y / by;
    var left = x.y % by;
    var low = 0u;
    for (var i = 0u; i < 32u; i++) {
        let overflows = left >= 0x80000000u;
        left = left << 1u | (x.x >> (31u - i) & 1u);
        low <<= 1u;
        if (overflows || left >= by) {
            left -= by;
            low |= 1u;
        }
    }
    return vec2(low, high);
}

/// η of step `step`, counted from 1.
fn learning_rate(p: u32, step: vec2<u32>) -> vec2<u32> {
    let warmup = word(p + ADVANCE_WARMUP);
    if (step.y > 0u || step.x > warmup) {
        return scheduled(p, wide_sub_bits(step, vec2(warmup + 1u, 0u)));
    }
    let share = wide_div(wide_of_whole(step), wide_of_whole(vec2(warmup, 0u)));
    return wide_mul(scheduled(p, vec2(0u, 0u)), share);
}

fn advance(p: u32, share: Share) {
    if (thread != 0u) {
        return;
    }
    let block = word(p + ADVANCE_STEP_BLOCK);
    let step = wide_add_bits(load_wide(block + STEP_BLOCK_STEP), vec2(1u, 0u));
    let rate = learning_rate(p, step);
    var first = ONE;
    var second = ONE;
    if (word(p + ADVANCE_CORRECTED) != 0u) {
        first = wide_sub(ONE, wide_power(wide_parameter(p + ADVANCE_BETAS), step));
        second = wide_sub(ONE, wide_power(wide_parameter(p + ADVANCE_BETAS + 2u), step));
    }
    store_wide(block + STEP_BLOCK_STEP, step);
    store_word(block + STEP_BLOCK_FIRST_ROW, 0u);
    store(block + STEP_BLOCK_LEARNING_RATE, wide_to_number(rate));
    store(block + STEP_BLOCK_STEP_SIZE, wide_to_number(wide_div(rate, first)));
    store(block + STEP_BLOCK_SECOND_CORRECTION, wide_to_number(wide_div(ONE, wide_sqrt(second))));
}

fn proceed(p: u32, share: Share) {
    if (thread == 0u) {
        let first_row = word(p + PROCEED_STEP_BLOCK) + STEP_BLOCK_FIRST_ROW;
        store_word(first_row, load_word(first_row) + word(p + PROCEED_ROWS));
    }
}

/// The feed is the place in the order of the next step's first row; where there is no order, nobody reads it.
fn next_batch(p: u32, share: Share) {
    if (thread == 0u) {
        let feed = word(p + NEXT_BATCH_FEED);
        store_word(feed, load_word(feed) + word(p + NEXT_BATCH_ROWS));
    }
}

/// Adds sample by sample, so that the sum does not depend on how samples are cut into batches: one chain for the running
/// sum, and in another group of threads one for the batch. Counting may be done in any order.
fn metrics(p: u32, share: Share) {
    let sums = word(p + METRICS_SUMS);
    let rows = word(p + METRICS_ROWS);
    let correct = word(p + METRICS_CORRECT);
    let continues = word(p + METRICS_CONTINUES) != 0u;
    let is_running = thread == 0u;
    let is_batch = thread == WARP;
    var sum = vec2(0u, 0u);
    if (is_running) {
        sum = load_wide(sums + METRIC_BLOCK_LOSS_SUM);
    } else if (is_batch && continues) {
        sum = load_wide(sums + METRIC_BLOCK_LAST_SUM);
    }
    if (is_running || is_batch) {
        for (var i = 0u; i < rows; i++) {
            sum = wide_add(sum, wide_of_number(load(word(p + METRICS_LOSSES) + i)));
        }
    }
    var right = 0u;
    if (correct != NOWHERE) {
        for (var i = thread; i < rows; i += THREADS) {
            right += select(0u, 1u, load(correct + i) != 0.0);
        }
    }
    scratch[thread] = bitcast<f32>(right);
    workgroupBarrier();
    if (is_batch) {
        store_wide(sums + METRIC_BLOCK_LAST_SUM, sum);
        add_whole(sums + METRIC_BLOCK_LAST_SAMPLES, rows, continues);
    }
    if (is_running) {
        store_wide(sums + METRIC_BLOCK_LOSS_SUM, sum);
        add_whole(sums + METRIC_BLOCK_SAMPLES, rows, true);
        for (var i = 1u; i < THREADS; i++) {
            right += bitcast<u32>(scratch[i]);
        }
        add_whole(sums + METRIC_BLOCK_CORRECT, right, true);
    }
    workgroupBarrier();
}

/// Adds to a whole number of 64 bits, or to 0.
fn add_whole(address: u32, x: u32, continues: bool) {
    var so_far = vec2(0u, 0u);
    if (continues) {
        so_far = load_wide(address);
    }
    store_wide(address, wide_add_bits(so_far, vec2(x, 0u)));
}
