// Large products on tensor cores, in TF32: operands are rounded to 10 bits of mantissa, products are summed in f32.
//
// The cut is that of gemm.cuh's large tile; a warp computes 64 × 32 of it, in pieces of 16 × 8 × 8, one instruction each.
// Chunks of A and B travel from global to shared memory without passing through registers, several on their way at once.
// For compute capability 8.0 and up: the host asks for it nowhere else.
#pragma once

#include "gemm.cuh"

/// x rounded to TF32, ties away from zero: what tensor cores read is the upper 19 bits.
DEVICE u32 to_tf32(float x) {
#ifdef __CUDACC__
    u32 rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
    return rounded;
#else
    u32 bits = __float_as_uint(x);
    return is_nan(x) ? bits : (bits + 0x1000) & ~0x1FFFu;
#endif
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

/// Begins to copy four neighbours, as many as are left of them, zeros behind, to shared memory. Of nothing nothing is read,
/// wherever `from` points.
DEVICE void copy_four(float* to, const float* from, u32 left, bool vector) {
#ifdef __CUDACC__
    u32 place = u32(__cvta_generic_to_shared(to));
    if (vector) {
        u32 bytes = left > 0 ? 16 : 0;
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(bytes) : "memory");
        return;
    }
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        u32 bytes = i < left ? 4 : 0;
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(place + 4 * i), "l"(from + i), "r"(bytes)
                     : "memory");
    }
#else
    store_four(to, load_four(from, left, vector));
#endif
}

/// Ends a chunk of copies.
DEVICE void commit_copies() {
#ifdef __CUDACC__
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most so many chunks of this thread's copies are under way.
template <u32 CHUNKS> DEVICE void await_copies() {
#ifdef __CUDACC__
    asm volatile("cp.async.wait_group %0;" ::"n"(CHUNKS) : "memory");
#endif
}

struct TensorTile {
    static constexpr u32 M = 128, N = 128, DEPTH = 16, STAGES = 4;
    /// Of a warp, and how many of them lie side by side.
    static constexpr u32 TALL = 64, WIDE = 32, ACROSS = N / WIDE;
    static constexpr u32 ROWS = TALL / 16, COLUMNS = WIDE / 8;
    /// A as it is stored: rows of k, padded so that the lanes of a fragment read different banks; or, transposed, rows of
    /// m like those of B.
    static constexpr u32 A_STRIDE = DEPTH + 4, STRIDE = N + 8;
    static constexpr u32 A_FLOATS = M * A_STRIDE;
    static constexpr u32 STAGE = A_FLOATS + DEPTH * STRIDE;
    static constexpr u32 SHARED_FLOATS = STAGES * STAGE;
    static constexpr u32 FOURS_A = M * DEPTH / 4 / THREADS, FOURS_B = N * DEPTH / 4 / THREADS;

    static_assert(DEPTH * STRIDE <= A_FLOATS, "A fits either way");

    const Gemm& p;
    u64 row, column;
    u32 rows, columns;
    /// Where this warp's part of the tile begins, and this lane's place in a piece.
    u32 warp_row, warp_column, group, member;
    float sums[ROWS][COLUMNS][4];
    float column_sum;

    DEVICE TensorTile(const Gemm& gemm, u64 first_row, u64 first_column)
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

    /// Begins to copy the chunk from step `k` on, if there is one, to its stage.
    DEVICE void fetch(float* stage, u64 k) const {
        u32 steps = left_from(k, p.k, DEPTH);
        if (steps > 0) {
#pragma unroll
            for (u32 i = 0; i < FOURS_A; i++) {
                if (p.transpose_a) {
                    copy_line<M>(stage, p.a + k * p.m + row, p.m, i, steps, rows, p.vector_a, STRIDE);
                } else {
                    copy_line<DEPTH>(stage, p.a + row * p.k + k, p.k, i, rows, steps, p.vector_a, A_STRIDE);
                }
            }
#pragma unroll
            for (u32 i = 0; i < FOURS_B; i++) {
                copy_line<N>(stage + A_FLOATS, p.b + k * p.n + column, p.n, i, steps, columns, p.vector_b, STRIDE);
            }
        }
        commit_copies();
    }

    /// Four `i` of this thread, in a window of lines of `WIDTH` numbers of which so many are left.
    template <u32 WIDTH>
    DEVICE static void copy_line(float* to, const float* from, u64 stride, u32 i, u32 lines_left, u32 columns_left,
                                 bool vector, u32 to_stride) {
        u32 at = threadIdx.x + i * THREADS, line = at / (WIDTH / 4), first = at % (WIDTH / 4) * 4;
        u32 left = line < lines_left ? left_from(first, columns_left) : 0;
        copy_four(to + line * to_stride + first, from + line * stride + first, left, vector);
    }

    /// This lane's part of piece `i` of A, at step `k` of a chunk.
    DEVICE void load_a(const float* stage, u32 i, u32 k, u32 (&to)[4]) const {
        u32 r = warp_row + i * 16 + group;
        k += member;
        if (p.transpose_a) {
#pragma unroll
            for (u32 e = 0; e < 4; e++) to[e] = to_tf32(stage[(k + e / 2 * 4) * STRIDE + r + e % 2 * 8]);
        } else {
#pragma unroll
            for (u32 e = 0; e < 4; e++) to[e] = to_tf32(stage[(r + e % 2 * 8) * A_STRIDE + k + e / 2 * 4]);
        }
    }

    DEVICE void multiply(const float* stage) {
        const float* b = stage + A_FLOATS;
#pragma unroll
        for (u32 k = 0; k < DEPTH; k += 8) {
            u32 right[COLUMNS][2];
#pragma unroll
            for (u32 j = 0; j < COLUMNS; j++) {
#pragma unroll
                for (u32 e = 0; e < 2; e++) {
                    right[j][e] = to_tf32(b[(k + member + e * 4) * STRIDE + warp_column + j * 8 + group]);
                }
            }
#pragma unroll
            for (u32 i = 0; i < ROWS; i++) {
                u32 left[4];
                load_a(stage, i, k, left);
#pragma unroll
                for (u32 j = 0; j < COLUMNS; j++) multiply_piece(sums[i][j], left, right[j]);
            }
        }
        if (sums_columns()) {
            for (u32 k = 0; k < DEPTH; k++) column_sum += b[k * STRIDE + threadIdx.x];
        }
    }

    DEVICE void store() const {
#pragma unroll
        for (u32 i = 0; i < ROWS; i++) {
#pragma unroll
            for (u32 half = 0; half < 2; half++) {
                u32 r = tile_row(i, half * 2);
                if (r >= rows) continue;
                float* c = p.c + (row + r) * p.n + column;
                const float* other = operand_of_row(p, row + r) + column;
#pragma unroll
                for (u32 j = 0; j < COLUMNS; j++) {
                    u32 at = tile_column(j, 0);
                    finish_row<2>(p, &sums[i][j][half * 2], c + at, other + at, left_from(at, columns));
                }
            }
        }
    }

    DEVICE void run() {
        float* stages = reinterpret_cast<float*>(shared);
        begin();
        for (u32 i = 0; i + 1 < STAGES; i++) fetch(stages + i * STAGE, i * DEPTH);
        u32 turn = 0;
        for (u64 k = 0; k < p.k; k += DEPTH) {
            await_copies<STAGES - 2>();
            // This chunk has come for all threads, and all are done with the one whose place the next copies take.
            __syncthreads();
            fetch(stages + (turn + STAGES - 1) % STAGES * STAGE, k + (STAGES - 1) * DEPTH);
            multiply(stages + turn * STAGE);
            turn = (turn + 1) % STAGES;
        }
        await_copies<0>();
        __syncthreads();
        if (sums_columns()) p.sums[column + threadIdx.x] = column_sum;
        store();
    }
};
