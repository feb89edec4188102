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

#include "item.cuh"

/// Steps of k that a slice takes in a row.
constexpr u32 GROUP = 8;
/// Numbers between two steps of k in shared memory, beyond those of the tile: keeps neighbours in different banks, and
/// fours on 16 bytes.
constexpr u32 PAD = 4;

/// Four neighbours of a row, zeros outside the matrix.
DEVICE float4 load_four(const float* matrix, u64 row, u64 column, u64 rows, u64 columns, bool vector) {
    float4 four = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (row >= rows || column >= columns) return four;
    const float* p = matrix + row * columns + column;
    if (vector) return *reinterpret_cast<const float4*>(p);
    four.x = p[0];
    if (column + 1 < columns) four.y = p[1];
    if (column + 2 < columns) four.z = p[2];
    if (column + 3 < columns) four.w = p[3];
    return four;
}

DEVICE void store_four(float* p, float4 four) {
    *reinterpret_cast<float4*>(p) = four;
}

/// What becomes of a sum at its place in C.
DEVICE float finish(const Gemm& p, float sum, u64 row, u64 column) {
    switch (p.epilogue) {
        case BIAS: return sum + p.other[column];
        case BIAS_RELU: {
            float x = sum + p.other[column];
            return 0.0f > x ? 0.0f : x;
        }
        case RELU_MASK: return 0.0f < p.other[row * p.n + column] ? sum : 0.0f;
        default: return sum;
    }
}

/// Finishes and stores `N` neighbours.
template <u32 N> DEVICE void finish_row(const Gemm& p, const float* sums, u64 row, u64 column) {
    float done[N];
    if (N == 4 && p.vector_c && column < p.n) {
        float4 other = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        if (p.epilogue != STORE) {
            u64 at = p.epilogue == RELU_MASK ? row * p.n + column : column;
            other = *reinterpret_cast<const float4*>(p.other + at);
        }
        const float with[4] = {other.x, other.y, other.z, other.w};
#pragma unroll
        for (u32 i = 0; i < N; i++) {
            float x = sums[i] + with[i % 4];
            float biased = p.epilogue == BIAS ? x : 0.0f > x ? 0.0f : x;
            float masked = 0.0f < with[i % 4] ? sums[i] : 0.0f;
            done[i] = p.epilogue == STORE ? sums[i] : p.epilogue == RELU_MASK ? masked : biased;
        }
        store_four(p.c + row * p.n + column, make_float4(done[0], done[1 % N], done[2 % N], done[3 % N]));
        return;
    }
#pragma unroll
    for (u32 i = 0; i < N; i++) {
        if (column + i < p.n) p.c[row * p.n + column + i] = finish(p, sums[i], row, column + i);
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

template <u32 M_, u32 N_, u32 DEPTH_, u32 SLICES_, u32 TALL_, u32 WIDE_> struct Shape {
    static constexpr u32 M = M_, N = N_, DEPTH = DEPTH_, SLICES = SLICES_, TALL = TALL_, WIDE = WIDE_;
    /// Neighbouring rows and columns of a thread; it has `TALL / ROWS` by `WIDE / COLUMNS` such groups.
    static constexpr u32 ROWS = TALL < 4 ? TALL : 4, COLUMNS = WIDE < 4 ? WIDE : 4;
    /// Threads side by side in a tile, and in a slice.
    static constexpr u32 ACROSS = N / WIDE, SLICE = M / TALL * ACROSS;
    static constexpr u32 A_STRIDE = M + PAD, B_STRIDE = N + PAD;
    static constexpr u32 BUFFER = DEPTH * (A_STRIDE + B_STRIDE);
    static constexpr u32 FOURS_A = M * DEPTH / 4 / THREADS, FOURS_B = N * DEPTH / 4 / THREADS;
    static constexpr u32 SHARED_FLOATS = 2 * BUFFER;

    static_assert(SLICE * SLICES == THREADS, "every thread has its place in a slice");
    static_assert(DEPTH % (GROUP * SLICES) == 0, "a chunk is cut evenly");
    static_assert(FOURS_A * 4 * THREADS == M * DEPTH && FOURS_B * 4 * THREADS == N * DEPTH, "loads come out even");
    static_assert(SLICES == 1 || SLICES * M * N <= SHARED_FLOATS, "the slices' sums fit where the operands were");
};

typedef Shape<8, 16, 128, 8, 2, 2> Narrow;
typedef Shape<32, 32, 64, 8, 4, 8> Sliced;
typedef Shape<32, 32, 32, 1, 2, 2> Small;
typedef Shape<64, 64, 16, 1, 4, 4> Medium;
typedef Shape<128, 128, 16, 1, 8, 8> Large;

template <class S> struct Tile {
    const Gemm& p;
    u64 row, column;
    u32 slice, y, x;
    float sums[S::TALL][S::WIDE];
    float4 next_a[S::FOURS_A], next_b[S::FOURS_B];
    /// Of a block that sums columns: thread i's.
    float column_sum;

    DEVICE Tile(const Gemm& gemm, u64 first_row, u64 first_column) : p(gemm), row(first_row), column(first_column) {
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

    /// Row `i` of this thread within the tile; its groups lie far apart, and those of neighbouring threads side by side.
    DEVICE u32 tile_row(u32 i) const {
        return i / S::ROWS * (S::M / (S::TALL / S::ROWS)) + y * S::ROWS + i % S::ROWS;
    }
    DEVICE u32 tile_column(u32 i) const {
        return i / S::COLUMNS * (S::N / (S::WIDE / S::COLUMNS)) + x * S::COLUMNS + i % S::COLUMNS;
    }
    DEVICE bool sums_columns() const {
        return p.sums && row == 0 && threadIdx.x < S::N && column + threadIdx.x < p.n;
    }

    DEVICE void begin() {
        bool resumed = p.accumulate && slice == 0;
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) {
                u64 r = row + tile_row(i), c = column + tile_column(j);
                sums[i][j] = resumed && r < p.m && c < p.n ? p.c[r * p.n + c] : 0.0f;
            }
        }
        column_sum = sums_columns() && p.accumulate_sums ? p.sums[column + threadIdx.x] : 0.0f;
    }

    /// Asks for the chunk that begins at step `from` of k.
    DEVICE void fetch(u64 from) {
#pragma unroll
        for (u32 i = 0; i < S::FOURS_A; i++) {
            u32 at = threadIdx.x + i * THREADS;
            if (p.transpose_a) {
                u64 k = from + at / (S::M / 4), r = row + at % (S::M / 4) * 4;
                next_a[i] = load_four(p.a, k, r, p.k, p.m, p.vector_a);
            } else {
                u64 r = row + at / (S::DEPTH / 4), k = from + at % (S::DEPTH / 4) * 4;
                next_a[i] = load_four(p.a, r, k, p.m, p.k, p.vector_a);
            }
        }
#pragma unroll
        for (u32 i = 0; i < S::FOURS_B; i++) {
            u32 at = threadIdx.x + i * THREADS;
            u64 k = from + at / (S::N / 4), c = column + at % (S::N / 4) * 4;
            next_b[i] = load_four(p.b, k, c, p.k, p.n, p.vector_b);
        }
    }

    /// Puts what was asked for into a buffer: A by columns, B by rows.
    DEVICE void stash(float* buffer) const {
        float *a = buffer, *b = buffer + S::DEPTH * S::A_STRIDE;
#pragma unroll
        for (u32 i = 0; i < S::FOURS_A; i++) {
            u32 at = threadIdx.x + i * THREADS;
            if (p.transpose_a) {
                store_four(a + at / (S::M / 4) * S::A_STRIDE + at % (S::M / 4) * 4, next_a[i]);
            } else {
                float* to = a + at % (S::DEPTH / 4) * 4 * S::A_STRIDE + at / (S::DEPTH / 4);
                to[0] = next_a[i].x;
                to[S::A_STRIDE] = next_a[i].y;
                to[2 * S::A_STRIDE] = next_a[i].z;
                to[3 * S::A_STRIDE] = next_a[i].w;
            }
        }
#pragma unroll
        for (u32 i = 0; i < S::FOURS_B; i++) {
            u32 at = threadIdx.x + i * THREADS;
            store_four(b + at / (S::N / 4) * S::B_STRIDE + at % (S::N / 4) * 4, next_b[i]);
        }
    }

    /// One step of k.
    DEVICE void multiply_step(const float* a, const float* b) {
        float left[S::TALL], right[S::WIDE];
#pragma unroll
        for (u32 i = 0; i < S::TALL; i += S::ROWS) load_fragment<S::ROWS>(a + tile_row(i), left + i);
#pragma unroll
        for (u32 j = 0; j < S::WIDE; j += S::COLUMNS) load_fragment<S::COLUMNS>(b + tile_column(j), right + j);
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j++) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
        }
    }

    DEVICE void multiply(const float* buffer) {
        const float *a = buffer, *b = buffer + S::DEPTH * S::A_STRIDE;
#pragma unroll
        for (u32 group = 0; group < S::DEPTH; group += GROUP * S::SLICES) {
            u32 k = group + slice * GROUP;
#pragma unroll
            for (u32 i = 0; i < GROUP; i++) multiply_step(a + (k + i) * S::A_STRIDE, b + (k + i) * S::B_STRIDE);
        }
        if (sums_columns()) {
            for (u32 k = 0; k < S::DEPTH; k++) column_sum += b[k * S::B_STRIDE + threadIdx.x];
        }
    }

    /// Stores this thread's elements, finished.
    DEVICE void store() const {
#pragma unroll
        for (u32 i = 0; i < S::TALL; i++) {
            u64 r = row + tile_row(i);
            if (r >= p.m) continue;
#pragma unroll
            for (u32 j = 0; j < S::WIDE; j += S::COLUMNS) {
                finish_row<S::COLUMNS>(p, &sums[i][j], r, column + tile_column(j));
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
            u64 r = row + at / S::N, c = column + at % S::N;
            float sum = partial[at];
#pragma unroll
            for (u32 s = 1; s < S::SLICES; s++) sum += partial[s * S::M * S::N + at];
            if (r < p.m && c < p.n) p.c[r * p.n + c] = finish(p, sum, r, c);
        }
        __syncthreads();
    }

    DEVICE void run() {
        float* buffer = reinterpret_cast<float*>(shared);
        u64 chunks = (p.k + S::DEPTH - 1) / S::DEPTH;
        begin();
        if (chunks > 0) {
            fetch(0);
            stash(buffer);
        }
        __syncthreads();
        for (u64 chunk = 0; chunk < chunks; chunk++) {
            bool more = chunk + 1 < chunks;
            if (more) fetch((chunk + 1) * S::DEPTH);
            multiply(buffer + chunk % 2 * S::BUFFER);
            if (more) stash(buffer + (chunk + 1) % 2 * S::BUFFER);
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

template <class S> DEVICE void run_tiles(const Gemm& p, Share share) {
    u64 across = (p.n + S::N - 1) / S::N, down = (p.m + S::M - 1) / S::M;
    if (down == 0 && p.sums) down = 1;  // sums of columns there are, even if there is no row of C
    for (u64 unit = share.block; unit < across * down; unit += share.blocks) {
        Tile<S>(p, unit / across * S::M, unit % across * S::N).run();
    }
}

/// Tiles that need many registers are in the kernel for large products only.
template <bool LARGE_TOO> DEVICE void run_gemm(const Gemm& p, Share share) {
    if (p.tile == NARROW) {
        run_tiles<Narrow>(p, share);
    } else if (p.tile == SMALL) {
        run_tiles<Small>(p, share);
    } else if (p.tile == MEDIUM) {
        run_tiles<Medium>(p, share);
    } else if constexpr (LARGE_TOO) {
        if (p.tile == SLICED) {
            run_tiles<Sliced>(p, share);
        } else {
            run_tiles<Large>(p, share);
        }
    }
}
