// The elementwise formulas, of which kernels are made and with which products are finished.
#pragma once

#include "common.cuh"

DEVICE float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

/// Φ(x).
DEVICE float normal_cdf(float x) {
    return 0.5f * erfcf(x * -0.70710678f);
}

/// Φ(x) + x φ(x), the slope of GELU.
DEVICE float gelu_slope(float x) {
    return fmaf(x, expf(x * x * -0.5f) * 0.3989423f, normal_cdf(x));
}

/// −1, 1, or what has no sign: 0 and NaN.
DEVICE float sign(float x) {
    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
}

/// x = function(x, y) for each of `N` elements.
template <u32 N, class FUNCTION> DEVICE void for_each(float (&x)[N], const float (&y)[N], FUNCTION function) {
#pragma unroll
    for (u32 i = 0; i < N; i++) x[i] = function(x[i], y[i]);
}

/// The same one after the other, for functions that take many instructions and registers.
template <u32 N, class FUNCTION> DEVICE void one_by_one(float (&x)[N], const float (&y)[N], FUNCTION function) {
    float rest[N];
#pragma unroll
    for (u32 i = 0; i < N; i++) rest[i] = y[i];
#pragma unroll 1
    for (u32 turn = 0; turn < N; turn++) {
        // Registers cannot be indexed: they move on by one instead.
        float done = function(x[0], rest[0]);
#pragma unroll
        for (u32 i = 0; i + 1 < N; i++) x[i] = x[i + 1], rest[i] = rest[i + 1];
        x[N - 1] = done;
    }
}

/// x = formula(x, y) for each of `N` elements, for the formulas that products are finished with; `scale` and `shift` belong to
/// Affine. A NaN stays one. With one formula more, a large tile would not keep its numbers in registers.
template <u32 N>
DEVICE void finish(Formula formula, float (&x)[N], const float (&y)[N], float scale, float shift) {
    switch (formula) {
        case Formula::Add: return for_each(x, y, [](float x, float y) { return x + y; });
        case Formula::Sub: return for_each(x, y, [](float x, float y) { return x - y; });
        case Formula::Mul: return for_each(x, y, [](float x, float y) { return x * y; });
        case Formula::Div: return one_by_one(x, y, [](float x, float y) { return x / y; });
        case Formula::Affine: return for_each(x, y, [=](float x, float) { return fmaf(x, scale, shift); });
        case Formula::Exp: return for_each(x, y, [](float x, float) { return expf(x); });
        case Formula::Ln: return one_by_one(x, y, [](float x, float) { return logf(x); });
        case Formula::Sqrt: return for_each(x, y, [](float x, float) { return sqrtf(x); });
        case Formula::Relu: return for_each(x, y, [](float x, float) { return 0.0f > x ? 0.0f : x; });
        case Formula::ReluGrad: return for_each(x, y, [](float x, float y) { return 0.0f < y ? x : 0.0f; });
        case Formula::Tanh: return one_by_one(x, y, [](float x, float) { return tanhf(x); });
        case Formula::TanhGrad: return for_each(x, y, [](float x, float y) { return x * fmaf(-y, y, 1.0f); });
        case Formula::Sigmoid: return one_by_one(x, y, [](float x, float) { return sigmoid(x); });
        case Formula::SigmoidGrad: return for_each(x, y, [](float x, float y) { return x * (y * (1.0f - y)); });
        case Formula::Gelu: return one_by_one(x, y, [](float x, float) { return x * normal_cdf(x); });
        case Formula::GeluGrad: return one_by_one(x, y, [](float x, float y) { return x * gelu_slope(y); });
        default: return;
    }
}

/// Whether products are finished with a formula, and `finish` computes it.
DEVICE bool finishes_products(Formula formula) {
    return formula <= Formula::GeluGrad;
}

/// One of the other formulas, of one element; `first` and `second` are the numbers of those that have some. A function that is
/// called, so that its registers are not those of the kernel.
static __device__ __noinline__ float compute_one(Formula formula, float x, float y, float first, float second) {
    float min = first, max = second, exponent = first;
    switch (formula) {
        case Formula::Abs: return fabsf(x);
        case Formula::Sign: return sign(x);
        case Formula::Clamp: return x < min ? min : x > max ? max : x;
        case Formula::Within: return y >= min && y <= max ? x : 0.0f;
        case Formula::Pow: return powf(x, exponent);
        case Formula::Maximum: return larger(x, y);
        case Formula::Minimum: return -larger(-x, -y);
        case Formula::LargerShare: return x < y ? 0.0f : x == y ? 0.5f : 1.0f;
        case Formula::Greater: return x > y ? 1.0f : 0.0f;
        case Formula::GreaterEqual: return x >= y ? 1.0f : 0.0f;
        case Formula::Equal: return x == y ? 1.0f : 0.0f;
        case Formula::Where: return y != 0.0f ? x : 0.0f;
        case Formula::WhereNot: return y == 0.0f ? x : 0.0f;
        default: return not_a_number();
    }
}
