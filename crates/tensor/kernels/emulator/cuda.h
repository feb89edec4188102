// The part of CUDA C++ that the kernels use, for an ordinary C++ compiler.
//
// The kernels are compiled unchanged: keywords and built-ins of CUDA are macros and functions here, and a fiber does the
// work of a CUDA thread (scheduler.cpp). So tests can run the GPU's kernels on any machine: their arithmetic, their bounds
// and their barriers.
//
// Different from a GPU on purpose:
// * shared memory is `extern __shared__` only, and starts full of NaN in every block, so a read before a write shows;
// * a barrier must be reached by all threads of a block, at one place of the source, or the launch fails;
// * copies that a thread does not wait for (`cp.async`) arrive as late as possible.
//
// Absent, because no kernel uses it: atomics, static shared memory, textures, grid-wide barriers, streams.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __shared__
#define __noinline__ __attribute__((noinline))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct uchar4 {
    unsigned char x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}

namespace emulator {

struct Index {
    unsigned x, y, z;
};

extern Index thread_index, block_index, block_size, grid_size;

/// Waits until every thread of the block is here.
void barrier(const char* file, int line);

/// Passes `value` to the lanes of `mask` and returns that of lane `source`, once they are all here.
uint64_t exchange(const char* file, int line, unsigned mask, uint64_t value, unsigned source);

/// The values that all lanes of the warp pass; valid until the next exchange.
const uint64_t* gather(const char* file, int line, uint64_t value);

unsigned lane();

/// Starts to copy `bytes` to shared memory, of which `left` are read and the others zero. They arrive when awaited; until
/// then there is NaN.
void begin_copy(void* to, const void* from, unsigned bytes, unsigned left);

/// Ends a group of this thread's copies.
void commit_copies();

/// Waits until at most `groups` groups of this thread's copies are unfinished.
void await_copies(unsigned groups);

template <class T> T exchanged(const char* file, int line, unsigned mask, T value, unsigned source) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
    uint64_t word = 0;
    memcpy(&word, &value, sizeof(T));
    word = exchange(file, line, mask, word, source);
    memcpy(&value, &word, sizeof(T));
    return value;
}

}  // namespace emulator

// A thread's index is copied when it is resumed, so that reading it costs one load.
#define threadIdx (emulator::thread_index)
#define blockIdx (emulator::block_index)
#define blockDim (emulator::block_size)
#define gridDim (emulator::grid_size)

#define __syncthreads() emulator::barrier(__FILE__, __LINE__)
#define __syncwarp() ((void)emulator::exchange(__FILE__, __LINE__, ~0u, 0, emulator::lane()))
#define __shfl_sync(mask, value, source) \
    emulator::exchanged(__FILE__, __LINE__, mask, value, (source) & 31)
#define __shfl_xor_sync(mask, value, lanes) \
    emulator::exchanged(__FILE__, __LINE__, mask, value, (emulator::lane() ^ (lanes)) & 31)

/// Which lanes of the warp pass true, a bit for each.
inline unsigned emulated_ballot(const char* file, int line, bool mine) {
    const uint64_t* lanes = emulator::gather(file, line, mine);
    unsigned bits = 0;
    for (unsigned i = 0; i < 32; i++) bits |= unsigned(lanes[i]) << i;
    return bits;
}
#define __ballot_sync(mask, value) emulated_ballot(__FILE__, __LINE__, value)

/// `mma.m16n8k8` of tensor cores: sums[16, 8] += A[16, 8] · B[8, 8], spread over the lanes as PTX defines. Of each operand
/// the upper 19 bits are read.
inline void emulated_mma_m16n8k8(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    struct Operands {
        const unsigned *a, *b;
    } mine = {a, b};
    const uint64_t* lanes = emulator::gather(__FILE__, __LINE__, reinterpret_cast<uintptr_t>(&mine));
    auto of_lane = [&](unsigned i) { return reinterpret_cast<const Operands*>(lanes[i]); };
    auto number = [](unsigned bits) {
        float x;
        bits &= ~0x1FFFu;
        memcpy(&x, &bits, sizeof(x));
        return x;
    };
    unsigned row = emulator::lane() / 4, column = emulator::lane() % 4 * 2;
    for (unsigned e = 0; e < 4; e++) {
        for (unsigned k = 0; k < 8; k++) {
            float left = number(of_lane(row * 4 + k % 4)->a[k / 4 * 2 + e / 2]);
            float right = number(of_lane((column + e % 2) * 4 + k % 4)->b[k / 4]);
            sums[e] = fmaf(left, right, sums[e]);
        }
    }
    __syncwarp();  // operands stay until all lanes have read them
}

// Functions of CUDA that C++ lacks.
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline double cospi(double x) {
    return cos(3.14159265358979323846 * x);
}
inline unsigned __float_as_uint(float x) {
    unsigned word;
    memcpy(&word, &x, sizeof(word));
    return word;
}
inline float __uint_as_float(unsigned word) {
    float x;
    memcpy(&x, &word, sizeof(x));
    return x;
}
