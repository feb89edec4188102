// Matrix product: C[m, n] = epilogue(op(A)[m, k] · B[k, n]), and optionally the column sums of B.
//
// A block computes a tile of C. Chunks of A and B, `DEPTH` steps of k deep, go through shared memory, two buffers in turn:
// while one is multiplied, the numbers for the other are on their way to registers. A thread keeps `TALL` × `WIDE`
// elements of C in registers, and reads as many numbers of A and B per step of k.
//
// Where C is small there are not enough tiles to keep a GPU busy, so there k is cut as well: each of the eight warps of a
// block takes every eighth group of eight steps, and their sums are added in their order. How k is cut does not depend on
// the tile, so a number has the same bits in every tile that cuts it, and in every one that does not.
//
// Without cuts an element of C is one chain of multiply-adds in the order of k, begun with what C holds where products are
// accumulated: a batch taken in parts gives the very sums of the whole.
#pragma once

#include "common.cuh"

/// Steps of k that a slice takes in a row.
constexpr u32 GROUP = 8;
/// Numbers between two steps of k in shared memory, beyond those of the tile: keeps neighbours in different banks, and
/// fours on 16 bytes.
constexpr u32 PAD = 4;

/// Four neighbours of a line of which `left` numbers are to come, zeros behind them.
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

DEVICE void store_four(float* p, float4 four) {
    *reinterpret_cast<float4*>(p) = four;
}

/// How many of `count` come from `from` on; none beyond.
DEVICE u32 left_from(u32 from, u32 count) {
    return from < count ? count - from : 0;
}

/// The same, at most `most`.
DEVICE u32 left_from(u64 from, u64 count, u32 most) {
    u64 left = from < count ? count - from : 0;
    return left < most ? u32(left) : most;
}

/// What becomes of a sum, beside it the bias or the mask at its place.
DEVICE float finish(Epilogue epilogue, float sum, float with) {
    float biased = epilogue == Epilogue::Store ? sum : sum + with;
    float clamped = epilogue == Epilogue::BiasRelu && 0.0f > biased ? 0.0f : biased;
    return epilogue != Epilogue::ReluMask ? clamped : 0.0f < with ? sum : 0.0f;
}

/// Where the bias or the mask for a row of C begins.
DEVICE const float* operand_of_row(const Gemm& p, u64 row) {
    return p.epilogue == Epilogue::ReluMask ? p.other + row * p.n : p.other;
}

/// Finishes and stores `N` neighbours of a row, as many as are left of it.
template <u32 N> DEVICE void finish_row(const Gemm& p, const float* sums, float* c, const float* other, u32 left) {
    if (left == 0) return;
    float with[N] = {};
    bool vector = N == 4 && p.vector_c;
    if (p.epilogue != Epilogue::Store) {
        if (vector) {
            float4 four = *reinterpret_cast<const float4*>(other);
            with[0] = four.x, with[1 % N] = four.y, with[2 % N] = four.z, with[3 % N] = four.w;
        } else {
#pragma unroll
            for (u32 i = 0; i < N; i++) with[i] = i < left ? other[i] : 0.0f;
        }
    }
    float done[N];
#pragma unroll
    for (u32 i = 0; i < N; i++) done[i] = finish(p.epilogue, sums[i], with[i]);
    if (vector) {
        store_four(c, make_float4(done[0], done[1 % N], done[2 % N], done[3 % N]));
    } else {
#pragma unroll
        for (u32 i = 0; i < N; i++) {
            if (i < left) c[i] = done[i];
        }
    }
}

/// `N` neighbours from shared memory, as many at once as it gives.
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

/// What follows from a tile's shape.
template <Tile TILE> struct Layout : Shape<TILE> {
    using S = Shape<TILE>;
    using S::M, S::N, S::DEPTH, S::SLICES, S::TALL, S::WIDE;
    /// Neighbouring rows and columns of a thread; it has `TALL / ROWS` by `WIDE / COLUMNS` such groups.
    static constexpr u32 ROWS = TALL < 4 ? TALL : 4, COLUMNS = WIDE < 4 ? WIDE : 4;
    /// From one of its groups to the next; groups of neighbouring threads lie side by side.
    static constexpr u32 BETWEEN_ROWS = M / (TALL / ROWS), BETWEEN_COLUMNS = N / (WIDE / COLUMNS);
    /// Threads side by side in a tile, and in a slice.
    static constexpr u32 ACROSS = N / WIDE, SLICE = M / TALL * ACROSS;
    static constexpr u32 A_STRIDE = M + PAD, B_STRIDE = N + PAD;
    static constexpr u32 BUFFER = DEPTH * (A_STRIDE + B_STRIDE);
    static constexpr u32 FOURS_A = M * DEPTH / 4 / THREADS, FOURS_B = N * DEPTH / 4 / THREADS;
    static constexpr u32 SHARED_FLOATS = 2 * BUFFER;

    static_assert(4 * SHARED_FLOATS == S::SHARED_BYTES, "as many bytes as the host asks for");
    static_assert(SLICE * SLICES == THREADS, "every thread has its place in a slice");
    static_assert(DEPTH % (GROUP * SLICES) == 0, "a chunk is cut evenly");
    static_assert(FOURS_A * 4 * THREADS == M * DEPTH && FOURS_B * 4 * THREADS == N * DEPTH, "loads come out even");
    static_assert(SLICES == 1 || SLICES * M * N <= SHARED_FLOATS, "the slices' sums fit where the operands were");
};

/// Fours that the threads of a block fetch together: lines of a matrix, and where this thread's begin. Its next four is
/// `LINES` lines on, at the same column.
template <u32 FOURS> struct Window {
    static constexpr u32 LINES = THREADS / FOURS;
    u32 line, column;
    const float* at;
    /// From a line to the next.
    u64 stride;

    /// Of the window that begins at `origin`.
    DEVICE Window(const float* origin, u64 line_stride)
        : line(threadIdx.x / FOURS), column(threadIdx.x % FOURS * 4), stride(line_stride) {
        at = origin + line * stride + column;
    }
    /// Four `i` of this thread, in a window with so many lines and columns.
    DEVICE float4 load(u32 i, u32 lines, u32 columns, bool vector) const {
        u32 left = line + i * LINES < lines ? left_from(column, columns) : 0;
        return load_four(at + u64(i * LINES) * stride, left, vector);
    }
};

/// Computes a tile in f32.
template <Tile TILE> struct Product {
    using S = Layout<TILE>;

    const Gemm& p;
    u64 row, column;
    /// Rows and columns of C in this tile.
    u32 rows, columns;
    u32 slice, y, x;
    float sums[S::TALL][S::WIDE];
    float4 next_a[S::FOURS_A], next_b[S::FOURS_B];
    Window<S::DEPTH / 4> a;
    Window<S::M / 4> turned_a;
    Window<S::N / 4> b;
    /// Of a block that sums columns: thread i's.
    float column_sum;

    DEVICE Product(const Gemm& gemm, u64 first_row, u64 first_column)
        : p(gemm),
          row(first_row),
          column(first_column),
          rows(left_from(row, p.m, S::M)),
          columns(left_from(column, p.n, S::N)),
          a(p.a + row * p.k, p.k),
          turned_a(p.a + row, p.m),
          b(p.b + column, p.n) {
        u32 place = threadIdx.x % S::SLICE;
        slice = threadIdx.x / S::SLICE;
        // The threads of a warp make a square rather than a row, so that they share what they read.
        if constexpr (S::SLICES == 1 && S::ACROSS % 8 == 0) {
            u32 lane = place % WARP, warp = place / WARP;
            x = warp % (S::ACROSS / 8) * 8 + lane % 8;
            y = warp / (S::ACROSS / 8) * 4 + lane / 8;
        } else {
            x = place % S::ACROSS;
            y = place / S::ACROSS;
        }
    }

    /// Row `i` of this thread within the tile.
    DEVICE u32 tile_row(u32 i) const {
        return i / S::ROWS * S::BETWEEN_ROWS + y * S::ROWS + i % S::ROWS;
    }
    DEVICE u32 tile_column(u32 i) const {
        return i / S::COLUMNS * S::BETWEEN_COLUMNS + x * S::COLUMNS + i % S::COLUMNS;
    }
    DEVICE bool sums_columns() const {
        return p.sums && row == 0 && threadIdx.x < columns;
    }

    DEVICE void begin() {
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) sums[i][j] = 0.0f;
        }
        if (p.accumulate && slice == 0) resume();
        column_sum = sums_columns() && p.accumulate_sums ? p.sums[column + threadIdx.x] : 0.0f;
    }

    /// Goes on with the sums that C holds.
    DEVICE void resume() {
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
            const float* c = p.c + (row + tile_row(i)) * p.n + column;
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) {
                if (tile_row(i) < rows && tile_column(j) < columns) sums[i][j] = c[tile_column(j)];
            }
        }
    }

    /// Asks for a chunk, of which `steps` of k are left, and moves on to the next.
    DEVICE void fetch(u32 steps) {
#pragma unroll
        for (u32 i = 0; i < S::FOURS_A; i++) {
            next_a[i] = p.transpose_a ? turned_a.load(i, steps, rows, p.vector_a) : a.load(i, rows, steps, p.vector_a);
        }
#pragma unroll
        for (u32 i = 0; i < S::FOURS_B; i++) next_b[i] = b.load(i, steps, columns, p.vector_b);
        a.at += S::DEPTH;
        turned_a.at += S::DEPTH * turned_a.stride;
        b.at += S::DEPTH * b.stride;
    }

    /// Puts what was asked for into a buffer: A by columns, B by rows.
    DEVICE void stash(float* buffer) const {
        float* to_b = buffer + S::DEPTH * S::A_STRIDE;
#pragma unroll
        for (u32 i = 0; i < S::FOURS_A; i++) {
            if (p.transpose_a) {
                u32 k = turned_a.line + i * turned_a.LINES;
                store_four(buffer + k * S::A_STRIDE + turned_a.column, next_a[i]);
            } else {
                float* to = buffer + a.column * S::A_STRIDE + a.line + i * a.LINES;
                to[0] = next_a[i].x;
                to[S::A_STRIDE] = next_a[i].y;
                to[2 * S::A_STRIDE] = next_a[i].z;
                to[3 * S::A_STRIDE] = next_a[i].w;
            }
        }
#pragma unroll
        for (u32 i = 0; i < S::FOURS_B; i++) {
            store_four(to_b + (b.line + i * b.LINES) * S::B_STRIDE + b.column, next_b[i]);
        }
    }

    /// One step of k, from this thread's first number of A and of B; the others lie at fixed distances.
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

    /// The steps of a chunk that are this slice's, from the thread's first numbers at its first step.
    DEVICE void multiply_steps(const float* a, const float* b) {
        // Steps side by side need registers, of which tall tiles have few left.
        constexpr u32 TOGETHER = S::TALL * S::WIDE < 64 ? GROUP : 2;
#pragma unroll
        for (u32 group = 0; group < S::DEPTH; group += GROUP * S::SLICES) {
#pragma unroll TOGETHER
            for (u32 k = group; k < group + GROUP; k++) multiply_step(a + k * S::A_STRIDE, b + k * S::B_STRIDE);
        }
    }

    DEVICE void multiply(const float* buffer) {
        const float* b = buffer + S::DEPTH * S::A_STRIDE;
        // A warp that has nothing but what lies beyond C leaves the multiprocessor to others.
        if (tile_row(0) < rows && tile_column(0) < columns) {
            u32 k = slice * GROUP;
            multiply_steps(buffer + k * S::A_STRIDE + tile_row(0), b + k * S::B_STRIDE + tile_column(0));
        }
        if (sums_columns()) {
#pragma unroll 4
            for (u32 k = 0; k < S::DEPTH; k++) column_sum += b[k * S::B_STRIDE + threadIdx.x];
        }
    }

    /// Stores this thread's elements, finished.
    DEVICE void store() const {
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
            if (tile_row(i) >= rows) continue;
            float* c = p.c + (row + tile_row(i)) * p.n + column;
            const float* other = operand_of_row(p, row + tile_row(i)) + column;
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j += S::COLUMNS) {
                u32 at = tile_column(j);
                finish_row<S::COLUMNS>(p, &sums[i][j], c + at, other + at, left_from(at, columns));
            }
        }
    }

    /// Adds the slices' sums in their order, and stores them, finished.
    DEVICE void store_sliced(float* partial) const {
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) {
                partial[(slice * S::M + tile_row(i)) * S::N + tile_column(j)] = sums[i][j];
            }
        }
        __syncthreads();
        for (u32 at = threadIdx.x; at < S::M * S::N; at += THREADS) {
            u32 r = at / S::N, c = at % S::N;
            float sum = partial[at];
#pragma unroll
            for (u32 s = 1; s < S::SLICES; s++) sum += partial[s * S::M * S::N + at];
            if (r >= rows || c >= columns) continue;
            float with = p.epilogue == Epilogue::Store ? 0.0f : operand_of_row(p, row + r)[column + c];
            p.c[(row + r) * p.n + column + c] = finish(p.epilogue, sum, with);
        }
        __syncthreads();
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
        if constexpr (S::SLICES == 1) {
            store();
        } else {
            store_sliced(buffer);
        }
    }
};

/// Walks the tiles of C; `TILE` computes one.
template <class TILE> DEVICE void run_tiles(const Gemm& p, Share share) {
    using S = typename TILE::S;
    u64 across = (p.n + S::N - 1) / S::N, down = (p.m + S::M - 1) / S::M;
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
