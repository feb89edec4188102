// Large products on tensor cores, in TF32: operands are rounded to 10 bits of mantissa, products are summed in f32.
//
// A block computes 128 × 256 of C and a warp 64 × 64 of that, in pieces of 16 × 8 × 8, one instruction each: as large as
// registers allow, so that numbers are reused once they have been read from shared memory. Chunks of A and B are copied from
// global to shared memory without passing through registers, several at a time.
// Needs compute capability 8.0.
#pragma once

#include "gemm.cuh"

/// x for tensor cores, which read the upper 19 bits: those are then x rounded to TF32, ties away from zero. What is not
/// finite is unchanged; NaNs of GPUs and processors have their upper bits set.
DEVICE u32 to_tf32(float x) {
    u32 bits = __float_as_uint(x);
    return fabsf(x) < infinity() ? bits + 0x1000 : bits;
}

/// sums[16, 8] += A[16, 8] · B[8, 8], each spread over the lanes of a warp as PTX says for `mma.m16n8k8`.
DEVICE void multiply_piece(float (&sums)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#ifdef __CUDACC__
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    emulated_mma_m16n8k8(sums, a, b);
#endif
}

/// Starts to copy `BYTES` to shared memory, of which `left` are read and the others zero. If none are left, `from` may point
/// anywhere.
template <u32 BYTES> DEVICE void begin_copy(float* to, const float* from, u32 left) {
#ifdef __CUDACC__
    u32 place = u32(__cvta_generic_to_shared(to));
    if constexpr (BYTES == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(left) : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(place), "l"(from), "r"(left) : "memory");
    }
#else
    emulator::begin_copy(to, from, BYTES, left);
#endif
}

/// The same for four neighbours, of which `left` are left.
DEVICE void copy_four(float* to, const float* from, u32 left, bool vector) {
    if (vector) return begin_copy<16>(to, from, left > 0 ? 16 : 0);
#pragma unroll
    for (u32 i = 0; i < 4; i++) begin_copy<4>(to + i, from + i, i < left ? 4 : 0);
}

/// Ends a group of copies.
DEVICE void commit_copies() {
#ifdef __CUDACC__
    asm volatile("cp.async.commit_group;" ::: "memory");
#else
    emulator::commit_copies();
#endif
}

/// Waits until at most `GROUPS` groups of this thread's copies are unfinished.
template <u32 GROUPS> DEVICE void await_copies() {
#ifdef __CUDACC__
    asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
#else
    emulator::await_copies(GROUPS);
#endif
}

/// Lines of numbers in shared memory, padded so that the lanes of a fragment read different banks; and the fours of them
/// that a thread copies.
template <u32 LINES, u32 LENGTH, u32 PADDING> struct Lines {
    static constexpr u32 STRIDE = LENGTH + PADDING, FLOATS = LINES * STRIDE;
    static constexpr u32 FOURS = LINES * LENGTH / 4 / THREADS, ACROSS = LENGTH / 4;

    static_assert(FOURS * 4 * THREADS == LINES * LENGTH, "every thread copies as many");

    DEVICE static u32 line(u32 i) {
        return (threadIdx.x + i * THREADS) / ACROSS;
    }
    DEVICE static u32 column() {
        return threadIdx.x % ACROSS * 4;
    }
    DEVICE static u32 place(u32 i) {
        return line(i) * STRIDE + column();
    }
};

/// Computes a tile on tensor cores.
struct TensorProduct {
    using S = Shape<Tile::Tensor>;
    static constexpr u32 M = S::M, N = S::N, DEPTH = S::DEPTH, STAGES = 3;
    /// Of a warp, and how many of them lie side by side.
    static constexpr u32 TALL = S::TALL, WIDE = S::WIDE, ACROSS = N / WIDE;
    static constexpr u32 ROWS = TALL / 16, COLUMNS = WIDE / 8;
    /// How chunks lie in shared memory: A in lines along k, or, transposed, along m, and B in lines along n. ROW and STEP are
    /// the distances from a row of the tile to the next, and from a step of k to the next.
    struct StraightA : Lines<M, DEPTH, 4> {
        static constexpr u32 ROW = STRIDE, STEP = 1;
    };
    struct TurnedA : Lines<DEPTH, M, 8> {
        static constexpr u32 ROW = 1, STEP = STRIDE;
    };
    typedef Lines<DEPTH, N, 8> B;
    static constexpr u32 A_FLOATS = StraightA::FLOATS;
    static constexpr u32 STAGE = A_FLOATS + B::FLOATS;
    static constexpr u32 SHARED_FLOATS = STAGES * STAGE;

    static_assert(TurnedA::FLOATS <= A_FLOATS, "A fits either way");
    static_assert(M / 2 * B::STRIDE <= SHARED_FLOATS, "half of the sums fit where the operands were");
    static_assert(4 * SHARED_FLOATS == S::SHARED_BYTES, "as many bytes as the host asks for");

    const Gemm& p;
    u64 row, column;
    u32 rows, columns;
    /// Where this warp's part of the tile begins, and this lane's place in a piece.
    u32 warp_row, warp_column, group, member;
    float sums[ROWS][COLUMNS][4];
    float column_sum;

    DEVICE TensorProduct(const Gemm& gemm, u64 first_row, u64 first_column)
        : p(gemm),
          row(first_row),
          column(first_column),
          rows(left_from(row, p.m, M)),
          columns(left_from(column, p.n, N)) {
        u32 warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
        warp_row = warp / ACROSS * TALL;
        warp_column = warp % ACROSS * WIDE;
        group = lane / 4;
        member = lane % 4;
    }

    DEVICE bool sums_columns() const {
        return p.sums && row == 0 && threadIdx.x < columns;
    }
    /// Row and column in the tile of a piece's sum `e`.
    DEVICE u32 tile_row(u32 i, u32 e) const {
        return warp_row + i * 16 + group + e / 2 * 8;
    }
    DEVICE u32 tile_column(u32 j, u32 e) const {
        return warp_column + j * 8 + member * 2 + e % 2;
    }

    DEVICE void begin() {
#pragma unroll
        for (u32 i = 0; i < ROWS; i++) {
#pragma unroll
            for (u32 j = 0; j < COLUMNS; j++) {
#pragma unroll
                for (u32 e = 0; e < 4; e++) {
                    u32 r = tile_row(i, e), c = tile_column(j, e);
                    bool resumed = p.accumulate && r < rows && c < columns;
                    sums[i][j][e] = resumed ? p.c[(row + r) * p.n + column + c] : 0.0f;
                }
            }
        }
        column_sum = sums_columns() && p.accumulate_sums ? p.sums[column + threadIdx.x] : 0.0f;
    }

    /// Starts to copy the chunk from step `k` on, if there is one, to its stage.
    DEVICE void fetch(float* stage, u64 k) const {
        u32 steps = left_from(k, p.k, DEPTH);
        if (steps > 0) {
            if (p.transpose_a) {
                copy_lines<TurnedA>(stage, p.a + k * p.m + row, p.m, steps, rows, p.vector_a);
            } else {
                copy_lines<StraightA>(stage, p.a + row * p.k + k, p.k, rows, steps, p.vector_a);
            }
            copy_lines<B>(stage + A_FLOATS, p.b + k * p.n + column, p.n, steps, columns, p.vector_b);
        }
        commit_copies();
    }

    /// This thread's fours of a chunk of an operand.
    template <class L>
    DEVICE static void copy_lines(float* to, const float* from, u64 stride, u32 lines_left, u32 columns_left, bool vector) {
#pragma unroll
        for (u32 i = 0; i < L::FOURS; i++) {
            u32 line = L::line(i), left = line < lines_left ? left_from(L::column(), columns_left) : 0;
            copy_four(to + L::place(i), from + line * stride + L::column(), left, vector);
        }
    }

    /// Multiplies a chunk, of which A is stored as `L` says.
    template <class L> DEVICE void multiply(const float* stage) {
        // This lane's first numbers of A and of B: of piece 0, at step 0. The others are at fixed distances.
        const float* a = stage + (warp_row + group) * L::ROW + member * L::STEP;
        const float* b = stage + A_FLOATS + member * B::STRIDE + warp_column + group;
#pragma unroll
        for (u32 k = 0; k < DEPTH; k += 8) {
            u32 right[COLUMNS][2];
#pragma unroll
            for (u32 j = 0; j < COLUMNS; j++) {
#pragma unroll
                for (u32 e = 0; e < 2; e++) right[j][e] = to_tf32(b[(k + e * 4) * B::STRIDE + j * 8]);
            }
#pragma unroll
            for (u32 i = 0; i < ROWS; i++) {
                u32 left[4];
#pragma unroll
                for (u32 e = 0; e < 4; e++) {
                    left[e] = to_tf32(a[(i * 16 + e % 2 * 8) * L::ROW + (k + e / 2 * 4) * L::STEP]);
                }
#pragma unroll
                for (u32 j = 0; j < COLUMNS; j++) multiply_piece(sums[i][j], left, right[j]);
            }
        }
    }

    DEVICE void add_columns(const float* stage) {
        if (sums_columns()) {
#pragma unroll 4
            for (u32 k = 0; k < DEPTH; k++) column_sum += stage[A_FLOATS + k * B::STRIDE + threadIdx.x];
        }
    }

    /// Finishes and stores the tile, half of every warp's rows at a time.
    DEVICE void store(float* lines) const {
#pragma unroll 1
        for (u32 pass = 0; pass < 2; pass++) {
#pragma unroll
            for (u32 i = 0; i < ROWS; i++) {
                if (i / (ROWS / 2) != pass) continue;
#pragma unroll
                for (u32 half = 0; half < 2; half++) {
                    float* line = lines + (warp_row / 2 + i % (ROWS / 2) * 16 + half * 8 + group) * B::STRIDE;
#pragma unroll
                    for (u32 j = 0; j < COLUMNS; j++) {
                        float2 two = {sums[i][j][half * 2], sums[i][j][half * 2 + 1]};
                        *reinterpret_cast<float2*>(line + tile_column(j, 0)) = two;
                    }
                }
            }
            __syncthreads();
            auto row_of = [=](u32 line) {
                return line / (TALL / 2) * TALL + pass * (TALL / 2) + line % (TALL / 2);
            };
            finish_lines<M / 2, N, B::STRIDE, 1>(p, lines, row, column, rows, columns, row_of);
            __syncthreads();
        }
    }

    DEVICE void run() {
        float* stages = reinterpret_cast<float*>(shared);
        begin();
        for (u32 i = 0; i + 1 < STAGES; i++) fetch(stages + i * STAGE, i * DEPTH);
        u32 turn = 0;
        for (u64 k = 0; k < p.k; k += DEPTH) {
            const float* stage = stages + turn * STAGE;
            await_copies<STAGES - 2>();
            // All threads' copies of this chunk have arrived, and none reads the chunk whose place the next copies take.
            __syncthreads();
            fetch(stages + (turn + STAGES - 1) % STAGES * STAGE, k + (STAGES - 1) * DEPTH);
            // A warp whose elements all lie beyond C leaves the tensor cores to others.
            bool has_elements = warp_row < rows && warp_column < columns;
            if (has_elements && p.transpose_a) multiply<TurnedA>(stage);
            if (has_elements && !p.transpose_a) multiply<StraightA>(stage);
            add_columns(stage);
            turn = (turn + 1) % STAGES;
        }
        await_copies<0>();
        __syncthreads();
        if (sums_columns()) p.sums[column + threadIdx.x] = column_sum;
        store(stages);
    }
};

struct TensorWork : LargeWork {
    using LargeWork::run;
    DEVICE static void run(const Gemm& p, Share share) {
        if (p.tile == Tile::Tensor) {
            run_tiles<TensorProduct>(p, share);
        } else {
            LargeWork::run(p, share);
        }
    }
};
