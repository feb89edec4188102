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

/// x = formula(x, y) for each of `N` elements; `scale` and `shift` belong to Affine. A NaN stays one.
template <u32 N>
DEVICE void apply(Formula formula, float (&x)[N], const float (&y)[N], float scale, float shift) {
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
    }
}
