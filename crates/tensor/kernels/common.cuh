// What all kernels share: shared memory, a block's share of the work, sums over a warp.
//
// The kernels include none of NVIDIA's headers: NVRTC compiles them with no include path, and an ordinary C++ compiler
// with emulator/cuda.h.
#pragma once

#include "generated.cuh"

#ifdef __CUDACC__
/// A kernel's parameter, read where the launch put it.
#define PARAMETER(type) const __grid_constant__ type
#else
#define PARAMETER(type) const type&
#endif

#define DEVICE __device__ __forceinline__

constexpr u32 ALL_LANES = 0xFFFFFFFF;

/// The shared memory of a block; the launch determines its size.
extern __shared__ float4 shared[];

/// The part of an item's work that is this block's: units `block`, `block + blocks` and so on.
struct Share {
    u32 block, blocks;

    /// The same for a unit of one element: this thread's first, and the way to the next.
    DEVICE u64 first() const {
        return u64(block) * THREADS + threadIdx.x;
    }
    DEVICE u64 step() const {
        return u64(blocks) * THREADS;
    }
    /// The same for a unit of one warp.
    DEVICE u64 first_warp() const {
        return u64(block) * WARPS + threadIdx.x / WARP;
    }
    DEVICE u64 warp_step() const {
        return u64(blocks) * WARPS;
    }
};

/// Waits until the launch before this one has finished and its writes are visible, and lets the one after this begin to
/// wait. From compute capability 9.0 on, launches begin early, so that a stage is ready when the one before it ends; before
/// a kernel has called this it may touch nothing but its parameters.
DEVICE void await_last_launch() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// x, opaque to the compiler, so that what depends on it is not computed early and kept in registers.
DEVICE u32 opaque(u32 x) {
#ifdef __CUDACC__
    asm volatile("" : "+r"(x));
#endif
    return x;
}

DEVICE float infinity() {
    return __uint_as_float(0x7F800000);
}
DEVICE float not_a_number() {
    return __uint_as_float(0x7FC00000);
}
DEVICE bool is_nan(float x) {
    return x != x;
}

/// The label of row `i`: a byte, or two where there are more classes than a byte tells apart.
DEVICE u64 label_of(const u8* labels, u64 i, u64 classes) {
    return classes <= 256 ? labels[i] : reinterpret_cast<const u16*>(labels)[i];
}

/// The larger of two numbers, or NaN if either is.
DEVICE float larger(float a, float b) {
    return a > b || is_nan(a) ? a : b;
}

/// A sum over the warp, in every lane; the order is fixed by the lanes alone.
template <class T> DEVICE T warp_sum(T value) {
    for (u32 lanes = WARP / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(ALL_LANES, value, lanes);
    return value;
}

DEVICE float warp_larger(float value) {
    for (u32 lanes = WARP / 2; lanes > 0; lanes /= 2) {
        value = larger(value, __shfl_xor_sync(ALL_LANES, value, lanes));
    }
    return value;
}
