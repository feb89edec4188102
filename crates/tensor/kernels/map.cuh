// Elementwise formulas over up to two broadcast operands.
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

/// The formulas' names are those of the plan; a NaN stays one throughout.
DEVICE float formula(const Map& p, float x, float y) {
    switch (p.formula) {
        case Formula::Add: return x + y;
        case Formula::Sub: return x - y;
        case Formula::Mul: return x * y;
        case Formula::Div: return x / y;
        case Formula::Affine: return fmaf(x, p.scale, p.shift);
        case Formula::Exp: return expf(x);
        case Formula::Ln: return logf(x);
        case Formula::Sqrt: return sqrtf(x);
        case Formula::Relu: return 0.0f > x ? 0.0f : x;
        case Formula::ReluGrad: return 0.0f < y ? x : 0.0f;
        case Formula::Tanh: return tanhf(x);
        case Formula::TanhGrad: return x * fmaf(-y, y, 1.0f);
        case Formula::Sigmoid: return sigmoid(x);
        case Formula::SigmoidGrad: return x * (y * (1.0f - y));
        case Formula::Gelu: return x * normal_cdf(x);
        case Formula::GeluGrad: return x * gelu_slope(y);
        default: return not_a_number();
    }
}

DEVICE void map_four(const Map& p, u64 i) {
    float4 x = reinterpret_cast<const float4*>(p.x)[i], y = reinterpret_cast<const float4*>(p.y)[i];
    reinterpret_cast<float4*>(p.output)[i] =
        make_float4(formula(p, x.x, y.x), formula(p, x.y, y.y), formula(p, x.z, y.z), formula(p, x.w, y.w));
}

/// The host has merged dimensions that run together, so that arrays of one shape have one dimension.
DEVICE void compute(const Map& p, Share share) {
    u64 fours = p.vector ? p.elements / 4 : 0;
    for (u64 i = share.first(); i < fours; i += share.step()) map_four(p, i);
    for (u64 i = 4 * fours + share.first(); i < p.elements; i += share.step()) {
        u64 rest = i, x = 0, y = 0;
        for (u32 axis = p.rank; axis-- > 1;) {
            u64 index = rest % p.dims[axis];
            rest /= p.dims[axis];
            x += index * p.x_strides[axis];
            y += index * p.y_strides[axis];
        }
        p.output[i] = formula(p, p.x[x + rest * p.x_strides[0]], p.y[y + rest * p.y_strides[0]]);
    }
}
