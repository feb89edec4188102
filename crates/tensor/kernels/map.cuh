// Elementwise formulas over up to two broadcast operands.
#pragma once

#include "formula.cuh"

DEVICE void load(float (&to)[4], const float* from) {
    float4 four = *reinterpret_cast<const float4*>(from);
    to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}

DEVICE void map_four(const Map& p, u64 i) {
    float x[4], y[4];
    load(x, p.x + i);
    load(y, p.y + i);
    finish(p.formula, x, y, p.scale, p.shift);
    *reinterpret_cast<float4*>(p.output + i) = make_float4(x[0], x[1], x[2], x[3]);
}

/// The host has merged dimensions that run together, so that arrays of equal shapes have one dimension.
DEVICE void compute(const Map& p, Share share) {
    u64 fours = p.vector ? p.elements / 4 : 0;
    for (u64 i = share.first(); i < fours; i += share.step()) map_four(p, 4 * i);
    for (u64 i = 4 * fours + share.first(); i < p.elements; i += share.step()) {
        u64 rest = i, x_at = 0, y_at = 0;
        for (u32 axis = p.rank; axis-- > 1;) {
            u64 index = rest % p.dims[axis];
            rest /= p.dims[axis];
            x_at += index * p.x_strides[axis];
            y_at += index * p.y_strides[axis];
        }
        float x[1] = {p.x[x_at + rest * p.x_strides[0]]}, y[1] = {p.y[y_at + rest * p.y_strides[0]]};
        if (finishes_products(p.formula)) {
            finish(p.formula, x, y, p.scale, p.shift);
        } else {
            x[0] = compute_one(p.formula, x[0], y[0], p.scale, p.shift);
        }
        p.output[i] = x[0];
    }
}
