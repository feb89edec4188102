// Kernels that move data.

fn pick(p: u32, share: Share) {
    let classes = word(p + PICK_CLASSES);
    for (var row = first_of(share); row < word(p + PICK_ROWS); row += step_of(share)) {
        let label = label_of(word(p + PICK_LABELS), row, classes);
        var value = not_a_number();
        if (label < classes) {
            value = load(word(p + PICK_VALUES) + label);
        }
        store(word(p + PICK_OUTPUT) + row, value);
    }
}

/// The row that index `i` names; none below `rows` where there is no such row.
fn row_at(indices: u32, i: u32, bytes_per_index: u32, rows: u32) -> u32 {
    if (bytes_per_index == 1u) {
        return load_byte(indices, i);
    }
    if (bytes_per_index == 2u) {
        return load_pair(indices, i);
    }
    let index = load(indices + i);
    if (!is_nan(index) && index >= 0.0 && index < f32(rows) && floor(index) == index) {
        return u32(index);
    }
    return rows;
}

fn gather_rows(p: u32, share: Share) {
    let rows = word(p + GATHER_ROWS_ROWS);
    let columns = word(p + GATHER_ROWS_COLUMNS);
    let bytes = word(p + GATHER_ROWS_BYTES_PER_INDEX);
    for (var i = first_of(share); i < word(p + GATHER_ROWS_ELEMENTS); i += step_of(share)) {
        let row = row_at(word(p + GATHER_ROWS_INDICES), i / columns, bytes, rows);
        var value = not_a_number();
        if (row < rows) {
            value = load(word(p + GATHER_ROWS_TABLE) + row * columns + i % columns);
        }
        store(word(p + GATHER_ROWS_OUTPUT) + i, value);
    }
}

/// A group of threads for each row of the output: it looks at all indices and adds what belongs there in its order.
fn scatter_rows(p: u32, share: Share) {
    let rows = word(p + SCATTER_ROWS_ROWS);
    let columns = word(p + SCATTER_ROWS_COLUMNS);
    let bytes = word(p + SCATTER_ROWS_BYTES_PER_INDEX);
    for (var some = share.block * WARPS; some < rows; some += share.blocks * WARPS) {
        let row = row_of_group(some);
        if (row >= rows) {
            continue;
        }
        let sums = word(p + SCATTER_ROWS_OUTPUT) + row * columns;
        for (var column = lane(); column < columns; column += WARP) {
            store(sums + column, 0.0);
        }
        for (var i = 0u; i < word(p + SCATTER_ROWS_COUNT); i++) {
            if (row_at(word(p + SCATTER_ROWS_INDICES), i, bytes, rows) == row) {
                let input = word(p + SCATTER_ROWS_INPUT) + i * columns;
                for (var column = lane(); column < columns; column += WARP) {
                    store(sums + column, load(sums + column) + load(input + column));
                }
            }
        }
    }
}

fn join_part(p: u32, share: Share) {
    let width = word(p + JOIN_PART_WIDTH);
    let input = word(p + JOIN_PART_INPUT);
    for (var i = first_of(share); i < word(p + JOIN_PART_ELEMENTS); i += step_of(share)) {
        let row = i / width;
        let column = i % width;
        var value = number(p + JOIN_PART_NUMBER);
        if (input != NOWHERE) {
            value = load(input + row * word(p + JOIN_PART_INPUT_COLUMNS) + column);
        }
        store(word(p + JOIN_PART_OUTPUT) + row * word(p + JOIN_PART_OUTPUT_COLUMNS) + column, value);
    }
}

fn fill(p: u32, share: Share) {
    for (var i = first_of(share); i < word(p + FILL_ELEMENTS); i += step_of(share)) {
        store(word(p + FILL_OUTPUT) + i, number(p + FILL_VALUE));
    }
}

fn accumulate(p: u32, share: Share) {
    let output = word(p + ACCUMULATE_OUTPUT);
    for (var i = first_of(share); i < word(p + ACCUMULATE_ELEMENTS); i += step_of(share)) {
        store(output + i, load(output + i) + load(word(p + ACCUMULATE_INPUT) + i));
    }
}

/// Only whole words are copied.
fn copy(p: u32, share: Share) {
    for (var i = first_of(share); i < word(p + COPY_BYTES) / 4u; i += step_of(share)) {
        store_word(word(p + COPY_OUTPUT) + i, load_word(word(p + COPY_INPUT) + i));
    }
}

fn permute(p: u32, share: Share) {
    for (var i = first_of(share); i < word(p + PERMUTE_ELEMENTS); i += step_of(share)) {
        var rest = i;
        var source = word(p + PERMUTE_INPUT);
        for (var axis = word(p + PERMUTE_RANK); axis > 0u; axis--) {
            let dim = word(p + PERMUTE_DIMS + axis - 1u);
            source += rest % dim * word(p + PERMUTE_STRIDES + axis - 1u);
            rest /= dim;
        }
        store(word(p + PERMUTE_OUTPUT) + i, load(source));
    }
}

/// Square by square. Columns of a row are exchanged in shared memory, so that neither rows nor columns meet in one bank, and beside
/// a sliced product there is room for no padding.
fn transpose_matrix(p: u32, share: Share) {
    let rows = word(p + TRANSPOSE_ROWS);
    let columns = word(p + TRANSPOSE_COLUMNS);
    let across = (columns + TRANSPOSED - 1u) / TRANSPOSED;
    let down = (rows + TRANSPOSED - 1u) / TRANSPOSED;
    let x = thread % TRANSPOSED;
    for (var unit = share.block; unit < across * down; unit += share.blocks) {
        let row = unit / across * TRANSPOSED;
        let column = unit % across * TRANSPOSED;
        for (var i = thread / TRANSPOSED; i < TRANSPOSED; i += THREADS / TRANSPOSED) {
            if (row + i < rows && column + x < columns) {
                scratch[i * TRANSPOSED + (x ^ i)] = load(word(p + TRANSPOSE_INPUT) + (row + i) * columns + column + x);
            }
        }
        workgroupBarrier();
        for (var i = thread / TRANSPOSED; i < TRANSPOSED; i += THREADS / TRANSPOSED) {
            if (column + i < columns && row + x < rows) {
                store(word(p + TRANSPOSE_OUTPUT) + (column + i) * rows + row + x, scratch[x * TRANSPOSED + (i ^ x)]);
            }
        }
        workgroupBarrier();
    }
}
