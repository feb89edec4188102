// Matrix product: C[m, n] = steps(op(A)[m, k] · B[k, n] + bias), and optionally the column sums of B.
//
// A workgroup computes a square tile of C, of EDGE rows and columns. Chunks of A and B, CHUNK steps of k deep, go through shared
// memory, four numbers of either for a thread; while one is multiplied, the numbers of the next are on their way to registers.
// A thread keeps 4 × 4 elements of C in registers.
//
// A small tile leaves threads over: k is cut among SLICES groups of them, each of which takes its part of every chunk, and their
// sums are added in order. With one slice an element of C is one chain of multiply-adds in the order of k, which starts with
// C's value if products are accumulated: a batch processed in parts gives the same sums as the whole.

const FOURS: u32 = EDGE / 4u;
const SLICE: u32 = FOURS * FOURS;
const SLICES: u32 = THREADS / SLICE;
const CHUNK: u32 = 4u * THREADS / EDGE;
const STEPS: u32 = CHUNK / SLICES;

/// A chunk of A and one of B, step by step; afterwards the sums of all slices but the first.
var<workgroup> tiles: array<vec4<f32>, TILES>;

/// Four neighbours of a line of which `left` numbers are left, followed by zeros.
fn load_four(address: u32, left: u32, vector: bool) -> vec4<f32> {
    if (left == 0u) {
        return vec4(0.0);
    }
    if (vector) {
        return load_vector(address);
    }
    var four = vec4(load(address), 0.0, 0.0, 0.0);
    if (left > 1u) {
        four.y = load(address + 1u);
    }
    if (left > 2u) {
        four.z = load(address + 2u);
    }
    if (left > 3u) {
        four.w = load(address + 3u);
    }
    return four;
}

/// How many of `count` are left from `first` on.
fn left_from(first: u32, count: u32) -> u32 {
    return select(0u, count - first, first < count);
}

/// This thread's four numbers of the chunk of A that begins at step `begin`.
fn load_a(p: u32, row: u32, begin: u32) -> vec4<f32> {
    let m = word(p + GEMM_M);
    let k = word(p + GEMM_K);
    let a = word(p + GEMM_A);
    let vector = word(p + GEMM_VECTOR_A) != 0u;
    if (word(p + GEMM_TRANSPOSE_A) != 0u) {
        let step = begin + thread / FOURS;
        let r = row + thread % FOURS * 4u;
        return load_four(a + step * m + r, select(0u, left_from(r, m), step < k), vector);
    }
    let step = begin + thread % (CHUNK / 4u) * 4u;
    let r = row + thread / (CHUNK / 4u);
    return load_four(a + r * k + step, select(0u, left_from(step, k), r < m), vector);
}

fn store_a(p: u32, four: vec4<f32>) {
    if (word(p + GEMM_TRANSPOSE_A) != 0u) {
        tiles[thread] = four;
        return;
    }
    let step = thread % (CHUNK / 4u) * 4u;
    let r = thread / (CHUNK / 4u);
    tiles[step * FOURS + r / 4u][r % 4u] = four.x;
    tiles[(step + 1u) * FOURS + r / 4u][r % 4u] = four.y;
    tiles[(step + 2u) * FOURS + r / 4u][r % 4u] = four.z;
    tiles[(step + 3u) * FOURS + r / 4u][r % 4u] = four.w;
}

/// The same of B.
fn load_b(p: u32, column: u32, begin: u32) -> vec4<f32> {
    let n = word(p + GEMM_N);
    let step = begin + thread / FOURS;
    let c = column + thread % FOURS * 4u;
    let left = select(0u, left_from(c, n), step < word(p + GEMM_K));
    return load_four(word(p + GEMM_B) + step * n + c, left, word(p + GEMM_VECTOR_B) != 0u);
}

/// What is done to elements of C before they are stored: `left` neighbours at element `at` of C, in column `column`.
fn finish_four(p: u32, sums: vec4<f32>, at: u32, column: u32, left: u32) {
    let vector = word(p + GEMM_VECTOR_C) != 0u;
    var x = sums;
    if (word(p + GEMM_BIAS) != NOWHERE) {
        x += load_four(word(p + GEMM_BIAS) + column, left, vector);
    }
    for (var i = 0u; i < word(p + GEMM_STEP_COUNT); i++) {
        let step = p + GEMM_STEPS + i * STEP_WORDS;
        var y = vec4(0.0);
        if (word(step + STEP_OTHER) != NOWHERE) {
            y = load_four(word(step + STEP_OTHER) + at, left, vector);
        }
        x = finished(word(step + STEP_FORMULA), x, y, number(step + STEP_SCALE), number(step + STEP_SHIFT));
    }
    store_four(word(p + GEMM_C) + at, x, left, vector);
}

/// A formula of four elements. Those that most products are finished with come first.
fn finished(formula: u32, x: vec4<f32>, y: vec4<f32>, scale: f32, shift: f32) -> vec4<f32> {
    switch (formula) {
        case FORMULA_RELU: { return select(x, vec4(0.0), x < vec4(0.0)); }
        case FORMULA_RELU_GRAD: { return select(vec4(0.0), x, y > vec4(0.0)); }
        case FORMULA_ADD: { return x + y; }
        default: {
            var result = x;
            for (var i = 0u; i < 4u; i++) {
                result[i] = compute(formula, x[i], y[i], scale, shift);
            }
            return result;
        }
    }
}

fn store_four(address: u32, x: vec4<f32>, left: u32, vector: bool) {
    if (vector) {
        store_vector(address, x);
        return;
    }
    store(address, x.x);
    if (left > 1u) {
        store(address + 1u, x.y);
    }
    if (left > 2u) {
        store(address + 2u, x.z);
    }
    if (left > 3u) {
        store(address + 3u, x.w);
    }
}

/// A row of C's that it continues, or zeros.
fn begun(p: u32, row: u32, column: u32) -> vec4<f32> {
    let n = word(p + GEMM_N);
    let left = select(0u, left_from(column, n), row < word(p + GEMM_M));
    if (word(p + GEMM_ACCUMULATE) == 0u) {
        return vec4(0.0);
    }
    return load_four(word(p + GEMM_C) + row * n + column, left, word(p + GEMM_VECTOR_C) != 0u);
}

fn finish_row(p: u32, sums: vec4<f32>, row: u32, column: u32) {
    let n = word(p + GEMM_N);
    let left = left_from(column, n);
    if (row < word(p + GEMM_M) && left > 0u) {
        finish_four(p, sums, row * n + column, column, left);
    }
}

/// The same of column sums.
fn begun_sums(p: u32, column: u32) -> vec4<f32> {
    if (word(p + GEMM_SUMS) == NOWHERE || word(p + GEMM_ACCUMULATE_SUMS) == 0u) {
        return vec4(0.0);
    }
    return load_four(word(p + GEMM_SUMS) + column, left_from(column, word(p + GEMM_N)), false);
}
fn finish_sums(p: u32, sums: vec4<f32>, column: u32) {
    let left = left_from(column, word(p + GEMM_N));
    if (word(p + GEMM_SUMS) != NOWHERE && left > 0u) {
        store_four(word(p + GEMM_SUMS) + column, sums, left, false);
    }
}

/// The tile whose first element is there.
fn tile(p: u32, row: u32, column: u32) {
    let k = word(p + GEMM_K);
    let slice = thread / SLICE;
    let tall = thread % SLICE / FOURS;
    let wide = thread % FOURS;
    let my_row = row + 4u * tall;
    let my_column = column + 4u * wide;
    let is_summing = row == 0u && word(p + GEMM_SUMS) != NOWHERE;
    var c0 = begun(p, my_row, my_column);
    var c1 = begun(p, my_row + 1u, my_column);
    var c2 = begun(p, my_row + 2u, my_column);
    var c3 = begun(p, my_row + 3u, my_column);
    var sums = begun_sums(p, my_column);
    var next_a = load_a(p, row, 0u);
    var next_b = load_b(p, column, 0u);
    for (var begin = 0u; begin < k; begin += CHUNK) {
        store_a(p, next_a);
        tiles[THREADS + thread] = next_b;
        workgroupBarrier();
        if (begin + CHUNK < k) {
            next_a = load_a(p, row, begin + CHUNK);
            next_b = load_b(p, column, begin + CHUNK);
        }
        let first = slice * STEPS;
        for (var step = first; step < first + STEPS; step++) {
            let a = tiles[step * FOURS + tall];
            let b = tiles[THREADS + step * FOURS + wide];
            c0 = fma(vec4(a.x), b, c0);
            c1 = fma(vec4(a.y), b, c1);
            c2 = fma(vec4(a.z), b, c2);
            c3 = fma(vec4(a.w), b, c3);
            if (is_summing) {
                sums += b;
            }
        }
        workgroupBarrier();
    }
    if (SLICES > 1u) {
        if (slice > 0u) {
            let place = 4u * (thread - SLICE);
            tiles[place] = c0;
            tiles[place + 1u] = c1;
            tiles[place + 2u] = c2;
            tiles[place + 3u] = c3;
        }
        workgroupBarrier();
        for (var i = 0u; i + 1u < SLICES; i++) {
            let place = 4u * (i * SLICE + thread % SLICE);
            c0 += tiles[place];
            c1 += tiles[place + 1u];
            c2 += tiles[place + 2u];
            c3 += tiles[place + 3u];
        }
        workgroupBarrier();
    }
    if (slice > 0u) {
        return;
    }
    finish_row(p, c0, my_row, my_column);
    finish_row(p, c1, my_row + 1u, my_column);
    finish_row(p, c2, my_row + 2u, my_column);
    finish_row(p, c3, my_row + 3u, my_column);
    if (is_summing && tall == 0u) {
        finish_sums(p, sums, my_column);
    }
}

fn gemm(p: u32, share: Share) {
    let across = (word(p + GEMM_N) + EDGE - 1u) / EDGE;
    // There are column sums even if C has no rows.
    let rows = max(word(p + GEMM_M), select(1u, 0u, word(p + GEMM_SUMS) == NOWHERE));
    let down = (rows + EDGE - 1u) / EDGE;
    for (var unit = share.block; unit < across * down; unit += share.blocks) {
        tile(p, unit / across * EDGE, unit % across * EDGE);
    }
}
