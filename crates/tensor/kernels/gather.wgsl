// The samples and targets of a batch, picked from the dataset, of which these are windows: as many samples as one binding takes,
// all targets, and the order.

@group(1) @binding(0) var<storage, read_write> samples: array<u32>;
@group(1) @binding(1) var<storage, read_write> targets: array<u32>;
@group(1) @binding(2) var<storage, read_write> order: array<u32>;
@group(1) @binding(3) var<uniform> origin: Origin;

struct Origin {
    /// Bytes in their windows before the first sample and the first target, and words before the order's first row, or NOWHERE.
    samples: u32,
    targets: u32,
    order: u32,
    /// The dataset's rows that the window on the samples holds.
    first_row: u32,
    rows: u32,
    /// The number of this window; there is one after the other.
    window: u32,
}

/// Row of the dataset for row `i` of the batch.
fn row_of(feed: u32, i: u32) -> u32 {
    if (origin.order == NOWHERE) {
        return i;
    }
    return order[origin.order + load_word(feed) + i];
}

/// x · scale + shift for some channels of the samples that this window holds.
fn gather(p: u32, share: Share) {
    let width = word(p + GATHER_WIDTH);
    let pixels = word(p + GATHER_PIXELS);
    let start = word(p + GATHER_FIRST_CHANNEL) * pixels;
    let count = word(p + GATHER_CHANNELS) * pixels;
    let is_bytes = word(p + GATHER_BYTES_PER_ELEMENT) == 1u;
    for (var i = share.block; i < word(p + GATHER_ROWS); i += share.blocks) {
        let row = row_of(word(p + GATHER_FEED), i) - origin.first_row;
        if (row >= origin.rows) {
            continue;
        }
        for (var at = thread; at < count; at += THREADS) {
            let channel = at / pixels;
            let element = row * width + start + at;
            var x = 0.0;
            if (is_bytes) {
                let byte = origin.samples + element;
                x = f32(samples[byte / 4u] >> (byte % 4u * 8u) & 0xFFu);
            } else {
                x = bitcast<f32>(samples[origin.samples / 4u + element]);
            }
            let value = fma(x, number(p + GATHER_SCALE + channel), number(p + GATHER_SHIFT + channel));
            store(word(p + GATHER_OUTPUT) + i * width + start + at, value);
        }
    }
}

/// A thread for each word of the output, of which the last may be used in part.
fn gather_targets(p: u32, share: Share) {
    let per_row = word(p + GATHER_TARGETS_BYTES_PER_ROW);
    let bytes = word(p + GATHER_TARGETS_ROWS) * per_row;
    let output = word(p + GATHER_TARGETS_OUTPUT);
    for (var four = first_of(share); 4u * four < bytes; four += step_of(share)) {
        var value = load_word(output + four);
        for (var i = 4u * four; i < min(4u * four + 4u, bytes); i++) {
            let row = row_of(word(p + GATHER_TARGETS_FEED), i / per_row);
            let place_in_targets = origin.targets + row * per_row + i % per_row;
            let byte = targets[place_in_targets / 4u] >> (place_in_targets % 4u * 8u) & 0xFFu;
            let shift = i % 4u * 8u;
            value = value & ~(0xFFu << shift) | byte << shift;
        }
        store_word(output + four, value);
    }
}
