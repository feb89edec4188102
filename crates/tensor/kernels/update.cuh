// Optimizer steps over one contiguous range of parameters: the formulas of src/ops/optimizer.rs.
#pragma once

#include "common.cuh"

/// One parameter with its gradient and moments.
struct Weight {
    float parameter, gradient, first, second;
};

/// What does not change within a step.
struct StepSize {
    float learning_rate, step_size, second_correction;
    /// What decoupled weight decay leaves of a parameter.
    float keep;
    /// What gradients are multiplied by; 1 changes no bit.
    float factor;
};

DEVICE void descend(const Update& p, const StepSize& step, Weight& w) {
    float gradient = fmaf(w.parameter, p.decay, w.gradient * step.factor);
    if (p.optimizer == Optimizer::Sgd) {
        w.parameter = fmaf(-gradient, step.learning_rate, w.parameter);
    } else if (p.optimizer == Optimizer::Momentum) {
        w.first = fmaf(w.first, p.momentum, gradient);
        w.parameter = fmaf(-w.first, step.learning_rate, w.parameter);
    } else {
        w.first = fmaf(w.first, p.keep_first, gradient * p.take_first);
        w.second = fmaf(w.second, p.keep_second, gradient * gradient * p.take_second);
        float root = fmaf(sqrtf(w.second), step.second_correction, p.epsilon);
        w.parameter = w.parameter * step.keep - w.first * step.step_size / root;
    }
}

DEVICE float4 load_if(const float* array, u64 i) {
    return array ? reinterpret_cast<const float4*>(array)[i] : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

DEVICE void descend_four(const Update& p, const StepSize& step, u64 i) {
    float4 parameter = load_if(p.parameter, i), gradient = load_if(p.gradient, i);
    float4 first = load_if(p.moments[0], i), second = load_if(p.moments[1], i);
    Weight x = {parameter.x, gradient.x, first.x, second.x}, y = {parameter.y, gradient.y, first.y, second.y};
    Weight z = {parameter.z, gradient.z, first.z, second.z}, w = {parameter.w, gradient.w, first.w, second.w};
    descend(p, step, x);
    descend(p, step, y);
    descend(p, step, z);
    descend(p, step, w);
    reinterpret_cast<float4*>(p.parameter)[i] = make_float4(x.parameter, y.parameter, z.parameter, w.parameter);
    if (p.moments[0]) {
        reinterpret_cast<float4*>(p.moments[0])[i] = make_float4(x.first, y.first, z.first, w.first);
    }
    if (p.moments[1]) {
        reinterpret_cast<float4*>(p.moments[1])[i] = make_float4(x.second, y.second, z.second, w.second);
    }
}

DEVICE void descend_one(const Update& p, const StepSize& step, u64 i) {
    Weight w = {p.parameter[i], p.gradient[i], p.moments[0] ? p.moments[0][i] : 0.0f,
                p.moments[1] ? p.moments[1][i] : 0.0f};
    descend(p, step, w);
    p.parameter[i] = w.parameter;
    if (p.moments[0]) p.moments[0][i] = w.first;
    if (p.moments[1]) p.moments[1][i] = w.second;
}

DEVICE void compute(const Update& p, Share share) {
    const StepBlock block = *p.step_block;
    StepSize step = {block.learning_rate, block.step_size, block.second_correction, 1.0f,
                     p.divisor ? 1.0f / *p.divisor : 1.0f};
    if (p.optimizer == Optimizer::AdamW) step.keep = float(1.0 - double(block.learning_rate) * p.decoupled_decay);
    u64 fours = p.vector ? p.elements / 4 : 0;
    for (u64 i = share.first(); i < fours; i += share.step()) descend_four(p, step, i);
    for (u64 i = 4 * fours + share.first(); i < p.elements; i += share.step()) descend_one(p, step, i);
}
