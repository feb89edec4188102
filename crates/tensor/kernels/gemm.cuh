// Matrix product: C[m, n] = steps(op(A)[m, k] · B[k, n] + bias), and optionally the column sums of B.
//
// A block computes a tile of C. Chunks of A and B, `DEPTH` steps of k deep, go through shared memory, in two alternating
// buffers: while one is multiplied, the numbers for the other are being loaded to registers. A thread keeps `TALL` × `WIDE`
// elements of C in registers, and reads `TALL` + `WIDE` numbers of A and B per step of k.
//
// If C is small there are not enough tiles to keep a GPU busy, so k is cut as well: each of the eight warps of a block takes
// every eighth group of eight steps, and their sums are added in order. How k is cut does not depend on the tile, so an
// element has the same bits in all tiles that cut k, and in all tiles that do not.
//
// Without cuts an element of C is one chain of multiply-adds in the order of k, which starts with C's value if products are
// accumulated: a batch processed in parts gives the same sums as the whole.
//
// Finally the sums go through shared memory, from which neighbouring threads finish and store neighbouring elements.
#pragma once

#include "formula.cuh"

/// Consecutive steps of k of a slice.
constexpr u32 GROUP = 8;
/// Numbers between two lines in shared memory, beyond those of the tile: keeps neighbours in different banks and fours on
/// multiples of 16 bytes.
constexpr u32 PAD = 4;

/// Four neighbours of a line of which `left` numbers are left, followed by zeros.
DEVICE float4 load_four(const float* p, u32 left, bool vector) {
    float4 four = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (left == 0) return four;
    if (vector) return *reinterpret_cast<const float4*>(p);
    four.x = p[0];
    if (left > 1) four.y = p[1];
    if (left > 2) four.z = p[2];
    if (left > 3) four.w = p[3];
    return four;
}

/// The same to an array.
DEVICE void load_four(float (&to)[4], const float* p, u32 left, bool vector) {
    float4 four = load_four(p, left, vector);
    to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}

DEVICE void store_four(float* p, float4 four) {
    *reinterpret_cast<float4*>(p) = four;
}

/// How many of `count` are left from `from` on.
DEVICE u32 left_from(u32 from, u32 count) {
    return from < count ? count - from : 0;
}

/// The same, at most `most`.
DEVICE u32 left_from(u64 from, u64 count, u32 most) {
    u64 left = from < count ? count - from : 0;
    return left < most ? u32(left) : most;
}

/// `N` neighbours from shared memory, in as few accesses as possible.
template <u32 N> DEVICE void load_fragment(const float* from, float* to) {
    if (N == 4) {
        float4 four = *reinterpret_cast<const float4*>(from);
        to[0] = four.x;
        to[1 % N] = four.y;
        to[2 % N] = four.z;
        to[3 % N] = four.w;
    } else {
#pragma unroll
        for (u32 i = 0; i < N; i++) to[i] = from[i];
    }
}

/// The same to shared memory.
template <u32 N> DEVICE void store_fragment(float* to, const float* from) {
    if (N == 4) {
        store_four(to, make_float4(from[0], from[1 % N], from[2 % N], from[3 % N]));
    } else {
#pragma unroll
        for (u32 i = 0; i < N; i++) to[i] = from[i];
    }
}

/// Finishes four neighbours of a row of C and stores as many of them as are left of it: they begin at element `at` of C, in
/// column `column`.
DEVICE void finish_four(const Gemm& p, float (&x)[4], u64 at, u64 column, u32 left) {
    float y[4] = {};
    if (p.bias) {
        load_four(y, p.bias + column, left, p.vector_c);
        finish(Formula::Add, x, y, 0.0f, 0.0f);
    }
#pragma unroll 1
    for (u32 i = 0; i < p.step_count; i++) {
        const Step& step = p.steps[i];
        if (step.other) load_four(y, step.other + at, left, p.vector_c);
        finish(step.formula, x, y, step.scale, step.shift);
    }
    if (p.vector_c) return store_four(p.c + at, make_float4(x[0], x[1], x[2], x[3]));
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        if (i < left) p.c[at + i] = x[i];
    }
}

/// Finishes `LINES` lines of a tile that begins at `row` and `column` of C, of which so many rows and columns are left. Their
/// sums lie in shared memory, `STRIDE` numbers from line to line, in `SLICES` parts that are added in their order.
/// `row_of` says which row of the tile a line is.
template <u32 LINES, u32 COLUMNS, u32 STRIDE, u32 SLICES, class ROW_OF>
DEVICE void finish_lines(const Gemm& p, const float* sums, u64 row, u64 column, u32 rows, u32 columns, ROW_OF row_of) {
    for (u32 four = threadIdx.x; four < LINES * (COLUMNS / 4); four += THREADS) {
        u32 line = four / (COLUMNS / 4), c = four % (COLUMNS / 4) * 4, r = row_of(line);
        u32 left = r < rows ? left_from(c, columns) : 0;
        if (left == 0) continue;
        float x[4] = {};
#pragma unroll
        for (u32 slice = 0; slice < SLICES; slice++) {
            float part[4];
            load_fragment<4>(sums + (slice * LINES + line) * STRIDE + c, part);
#pragma unroll
            for (u32 i = 0; i < 4; i++) x[i] = slice == 0 ? part[i] : x[i] + part[i];
        }
        finish_four(p, x, (row + r) * p.n + column + c, column + c, left);
    }
}

/// What follows from a tile's shape.
template <Tile TILE> struct Layout : Shape<TILE> {
    using S = Shape<TILE>;
    using S::M, S::N, S::DEPTH, S::SLICES, S::TALL, S::WIDE;
    /// Neighbouring rows and columns of a thread; it has `TALL / ROWS` by `WIDE / COLUMNS` such groups.
    static constexpr u32 ROWS = TALL < 4 ? TALL : 4, COLUMNS = WIDE < 4 ? WIDE : 4;
    /// From one of its groups to the next; groups of neighbouring threads are neighbours.
    static constexpr u32 BETWEEN_ROWS = M / (TALL / ROWS), BETWEEN_COLUMNS = N / (WIDE / COLUMNS);
    /// Threads side by side in a tile, and in a slice.
    static constexpr u32 ACROSS = N / WIDE, SLICE = M / TALL * ACROSS;
    static constexpr u32 A_STRIDE = M + PAD, B_STRIDE = N + PAD;
    static constexpr u32 BUFFER = DEPTH * (A_STRIDE + B_STRIDE);
    static constexpr u32 FOURS_A = M * DEPTH / 4 / THREADS, FOURS_B = N * DEPTH / 4 / THREADS;
    static constexpr u32 SHARED_FLOATS = 2 * BUFFER;
    /// Sums are finished from shared memory, in one pass or in two, with TOGETHER rows of each thread in each.
    static constexpr u32 C_STRIDE = N + PAD, PASSES = SLICES * M * C_STRIDE <= SHARED_FLOATS ? 1 : 2;
    static constexpr u32 LINES = M / PASSES, TOGETHER = TALL / PASSES;

    static_assert(4 * SHARED_FLOATS == S::SHARED_BYTES, "as many bytes as the host asks for");
    static_assert(SLICE * SLICES == THREADS, "every thread has its place in a slice");
    static_assert(DEPTH % (GROUP * SLICES) == 0, "a chunk is cut evenly");
    static_assert(FOURS_A * 4 * THREADS == M * DEPTH && FOURS_B * 4 * THREADS == N * DEPTH, "loads come out even");
    static_assert(SLICES * LINES * C_STRIDE <= SHARED_FLOATS && TOGETHER * PASSES == TALL, "sums fit where the operands were");
};

/// A thread's part of a tile.
template <class S> struct Place {
    u32 slice, y, x;

    DEVICE explicit Place(u32 thread) : slice(thread / S::SLICE) {
        u32 place = thread % S::SLICE;
        // The threads of a warp form a square rather than a row, so that they share what they read.
        if constexpr (S::SLICES == 1 && S::ACROSS % 8 == 0) {
            u32 lane = place % WARP, warp = place / WARP;
            x = warp % (S::ACROSS / 8) * 8 + lane % 8;
            y = warp / (S::ACROSS / 8) * 4 + lane / 8;
        } else {
            x = place % S::ACROSS;
            y = place / S::ACROSS;
        }
    }
    /// Row `i` of the thread within the tile.
    DEVICE u32 row(u32 i) const {
        return i / S::ROWS * S::BETWEEN_ROWS + y * S::ROWS + i % S::ROWS;
    }
    DEVICE u32 column(u32 i) const {
        return i / S::COLUMNS * S::BETWEEN_COLUMNS + x * S::COLUMNS + i % S::COLUMNS;
    }
};

/// Fours that the threads of a block fetch together: lines of a matrix, of which each thread's next four is `LINES` lines
/// on, at the same column.
template <u32 FOURS> struct Window {
    static constexpr u32 LINES = THREADS / FOURS;

    DEVICE static u32 line() {
        return threadIdx.x / FOURS;
    }
    DEVICE static u32 column() {
        return threadIdx.x % FOURS * 4;
    }
    /// Where this thread's first four is, in a window that begins at `origin`.
    DEVICE static const float* first(const float* origin, u64 stride) {
        return origin + line() * stride + column();
    }
    /// Four `i` of this thread from its first on, in a window with so many lines and columns.
    DEVICE static float4 load(const float* first, u64 stride, u32 i, u32 lines, u32 columns, bool vector) {
        u32 left = line() + i * LINES < lines ? left_from(column(), columns) : 0;
        return load_four(first + u64(i * LINES) * stride, left, vector);
    }
};

/// Computes a tile in f32.
template <Tile TILE> struct Product {
    using S = Layout<TILE>;

    const Gemm& p;
    u64 row, column;
    /// Rows and columns of C in this tile.
    u32 rows, columns;
    Place<S> place;
    float sums[S::TALL][S::WIDE];
    float4 next_a[S::FOURS_A], next_b[S::FOURS_B];
    typedef Window<S::DEPTH / 4> A;
    typedef Window<S::M / 4> TurnedA;
    typedef Window<S::N / 4> B;
    /// This thread's first fours of the next chunk.
    const float *a, *b;
    /// The sum of column `threadIdx.x`, in a block that sums columns.
    float column_sum;

    DEVICE Product(const Gemm& gemm, u64 first_row, u64 first_column)
        : p(gemm),
          row(first_row),
          column(first_column),
          rows(left_from(row, p.m, S::M)),
          columns(left_from(column, p.n, S::N)),
          place(threadIdx.x),
          a(p.transpose_a ? TurnedA::first(p.a + row, p.m) : A::first(p.a + row * p.k, p.k)),
          b(B::first(p.b + column, p.n)) {}

    DEVICE bool sums_columns() const {
        return p.sums && row == 0 && threadIdx.x < columns;
    }

    DEVICE void begin() {
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) sums[i][j] = 0.0f;
        }
        if (p.accumulate && place.slice == 0) resume();
        column_sum = sums_columns() && p.accumulate_sums ? p.sums[column + threadIdx.x] : 0.0f;
    }

    /// Continues the sums that C holds.
    DEVICE void resume() {
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
            const float* c = p.c + (row + place.row(i)) * p.n + column;
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) {
                if (place.row(i) < rows && place.column(j) < columns) sums[i][j] = c[place.column(j)];
            }
        }
    }

    /// Starts to load a chunk, of which `steps` of k are left, and advances to the next.
    DEVICE void fetch(u32 steps) {
#pragma unroll
        for (u32 i = 0; i < S::FOURS_A; i++) {
            next_a[i] = p.transpose_a ? TurnedA::load(a, p.m, i, steps, rows, p.vector_a)
                                      : A::load(a, p.k, i, rows, steps, p.vector_a);
        }
#pragma unroll
        for (u32 i = 0; i < S::FOURS_B; i++) next_b[i] = B::load(b, p.n, i, steps, columns, p.vector_b);
        a += p.transpose_a ? S::DEPTH * p.m : S::DEPTH;
        b += S::DEPTH * p.n;
    }

    /// Stores what has been loaded to a buffer: A by columns, B by rows.
    DEVICE void stash(float* buffer) const {
        float* to_b = buffer + S::DEPTH * S::A_STRIDE;
#pragma unroll
        for (u32 i = 0; i < S::FOURS_A; i++) {
            if (p.transpose_a) {
                u32 k = TurnedA::line() + i * TurnedA::LINES;
                store_four(buffer + k * S::A_STRIDE + TurnedA::column(), next_a[i]);
            } else {
                float* to = buffer + A::column() * S::A_STRIDE + A::line() + i * A::LINES;
                to[0] = next_a[i].x;
                to[S::A_STRIDE] = next_a[i].y;
                to[2 * S::A_STRIDE] = next_a[i].z;
                to[3 * S::A_STRIDE] = next_a[i].w;
            }
        }
#pragma unroll
        for (u32 i = 0; i < S::FOURS_B; i++) {
            store_four(to_b + (B::line() + i * B::LINES) * S::B_STRIDE + B::column(), next_b[i]);
        }
    }

    /// One step of k, from this thread's first number of A and of B; the others are at fixed distances.
    DEVICE void multiply_step(const float* a, const float* b) {
        float left[S::TALL], right[S::WIDE];
#pragma unroll
        for (u32 i = 0; i < S::TALL / S::ROWS; i++) {
            load_fragment<S::ROWS>(a + i * S::BETWEEN_ROWS, left + i * S::ROWS);
        }
#pragma unroll
        for (u32 j = 0; j < S::WIDE / S::COLUMNS; j++) {
            load_fragment<S::COLUMNS>(b + j * S::BETWEEN_COLUMNS, right + j * S::COLUMNS);
        }
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
        }
    }

    /// This slice's steps of a chunk, from the thread's first numbers at its first step.
    DEVICE void multiply_steps(const float* a, const float* b) {
        // Unrolled steps need registers, of which tall tiles have few left.
        constexpr u32 TOGETHER = S::TALL * S::WIDE < 64 ? GROUP : 2;
#pragma unroll
        for (u32 group = 0; group < S::DEPTH; group += GROUP * S::SLICES) {
#pragma unroll TOGETHER
            for (u32 k = group; k < group + GROUP; k++) multiply_step(a + k * S::A_STRIDE, b + k * S::B_STRIDE);
        }
    }

    DEVICE void multiply(const float* buffer) {
        const float* b = buffer + S::DEPTH * S::A_STRIDE;
        // A warp whose elements all lie beyond C leaves the multiprocessor to others.
        if (place.row(0) < rows && place.column(0) < columns) {
            u32 k = place.slice * GROUP;
            multiply_steps(buffer + k * S::A_STRIDE + place.row(0), b + k * S::B_STRIDE + place.column(0));
        }
        if (sums_columns()) {
#pragma unroll 4
            for (u32 k = 0; k < S::DEPTH; k++) column_sum += b[k * S::B_STRIDE + threadIdx.x];
        }
    }

    /// Finishes and stores the tile.
    DEVICE void store(float* lines) const {
        Place<S> place(opaque(threadIdx.x));
#pragma unroll
        for (u32 pass = 0; pass < S::PASSES; pass++) {
#pragma unroll
            for (u32 i = 0; i < S::TALL; i++) {
                if (i / S::TOGETHER != pass) continue;
                float* line = lines + (place.slice * S::LINES + place.y * S::TOGETHER + i % S::TOGETHER) * S::C_STRIDE;
#pragma unroll
                for (u32 j = 0; j < S::WIDE; j += S::COLUMNS) store_fragment<S::COLUMNS>(line + place.column(j), &sums[i][j]);
            }
            __syncthreads();
            auto row_of = [=](u32 line) {
                u32 i = pass * S::TOGETHER + line % S::TOGETHER;
                return i / S::ROWS * S::BETWEEN_ROWS + line / S::TOGETHER * S::ROWS + i % S::ROWS;
            };
            finish_lines<S::LINES, S::N, S::C_STRIDE, S::SLICES>(p, lines, row, column, rows, columns, row_of);
            __syncthreads();
        }
    }

    DEVICE void run() {
        float* buffer = reinterpret_cast<float*>(shared);
        begin();
        if (p.k > 0) {
            fetch(left_from(0, p.k, S::DEPTH));
            stash(buffer);
        }
        __syncthreads();
        u32 turn = 0;
        for (u64 k = 0; k < p.k; k += S::DEPTH, turn ^= 1) {
            bool more = k + S::DEPTH < p.k;
            if (more) fetch(left_from(k + S::DEPTH, p.k, S::DEPTH));
            multiply(buffer + turn * S::BUFFER);
            if (more) stash(buffer + (turn ^ 1) * S::BUFFER);
            __syncthreads();
        }
        if (sums_columns()) p.sums[column + threadIdx.x] = column_sum;
        store(buffer);
    }
};

/// Walks the tiles of C; `TILE` computes one.
template <class TILE> DEVICE void run_tiles(const Gemm& p, Share share) {
    using S = typename TILE::S;
    u32 across = u32((p.n + S::N - 1) / S::N);
    u64 down = (p.m + S::M - 1) / S::M;
    if (down == 0 && p.sums) down = 1;  // there are column sums even if C has no rows
    for (u64 unit = share.block; unit < across * down; unit += share.blocks) {
        TILE(p, unit / across * S::M, unit % across * S::N).run();
    }
}

/// The work of a module: products in the tiles that it has (src/backend/cuda/tile.rs chooses), and everything else.
struct MediumWork {
    template <class WORK> DEVICE static void run(const WORK& work, Share share) {
        compute(work, share);
    }
    DEVICE static void run(const Gemm& p, Share share) {
        if (p.tile == Tile::Narrow) {
            run_tiles<Product<Tile::Narrow>>(p, share);
        } else if (p.tile == Tile::Small) {
            run_tiles<Product<Tile::Small>>(p, share);
        } else if (p.tile == Tile::Medium) {
            run_tiles<Product<Tile::Medium>>(p, share);
        }
    }
};

struct LargeWork : MediumWork {
    using MediumWork::run;
    // Large tiles have no registers left beside these, so they are never in a launch of a module with such tiles
    // (src/backend/cuda/lowering.rs).
    DEVICE static void run(const JoinPart&, Share) {}
    DEVICE static void run(const GatherRows&, Share) {}
    DEVICE static void run(const ScatterRows&, Share) {}
    DEVICE static void run(const Gemm& p, Share share) {
        if (p.tile == Tile::Large) {
            run_tiles<Product<Tile::Large>>(p, share);
        } else if (p.tile == Tile::Broad) {
            run_tiles<Product<Tile::Broad>>(p, share);
        } else if (p.tile == Tile::Sliced) {
            run_tiles<Product<Tile::Sliced>>(p, share);
        } else {
            MediumWork::run(p, share);
        }
    }
};
