// The part of CUDA C++ that the kernels use, for an ordinary C++ compiler.
//
// The kernels are compiled unchanged: what is a keyword or a built-in of CUDA is a macro or a function here, and what one
// CUDA thread does is done by one fiber (scheduler.cpp). So tests can run the very kernels of the GPU on any machine:
// their arithmetic, their bounds and their barriers.
//
// Different from a GPU on purpose:
// * shared memory is `extern __shared__` only, and begins full of NaN in every block: a read before a write shows;
// * a barrier must be reached by all threads of a block, at one place of the source, or the launch fails.
//
// Absent, because no kernel uses it: atomics, static shared memory, textures, grid-wide barriers, streams.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __shared__
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

/// Hands `value` over to the lanes of `mask`, and takes the one of lane `source`, once they are all here.
uint64_t exchange(const char* file, int line, unsigned mask, uint64_t value, unsigned source);

unsigned lane();

template <class T> T exchanged(const char* file, int line, unsigned mask, T value, unsigned source) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
    uint64_t word = 0;
    memcpy(&word, &value, sizeof(T));
    word = exchange(file, line, mask, word, source);
    memcpy(&value, &word, sizeof(T));
    return value;
}

}  // namespace emulator

// A thread's own index is copied when it is resumed, so that reading it costs one load.
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

// Names that CUDA has and C++ has not.
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
