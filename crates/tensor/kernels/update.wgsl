// Optimizer steps over one contiguous range of parameters: the formulas of src/ops/optimizer.rs.

fn load_moment(address: u32, i: u32) -> f32 {
    if (address == NOWHERE) {
        return 0.0;
    }
    return load(address + i);
}
fn store_moment(address: u32, i: u32, value: f32) {
    if (address != NOWHERE) {
        store(address + i, value);
    }
}

fn update(p: u32, share: Share) {
    let block = word(p + UPDATE_STEP_BLOCK);
    let learning_rate = load(block + STEP_BLOCK_LEARNING_RATE);
    let step_size = load(block + STEP_BLOCK_STEP_SIZE);
    let correction = load(block + STEP_BLOCK_SECOND_CORRECTION);
    let optimizer = word(p + UPDATE_OPTIMIZER);
    var factor = 1.0;
    if (word(p + UPDATE_DIVISOR) != NOWHERE) {
        factor = 1.0 / load(word(p + UPDATE_DIVISOR));
    }
    var keep = 1.0;
    if (optimizer == OPTIMIZER_ADAM_W) {
        keep = fma(-learning_rate, wide_to_number(wide_parameter(p + UPDATE_DECOUPLED_DECAY)), 1.0);
    }
    for (var i = first_of(share); i < word(p + UPDATE_ELEMENTS); i += step_of(share)) {
        var parameter = load(word(p + UPDATE_PARAMETER) + i);
        let gradient = fma(parameter, number(p + UPDATE_DECAY), load(word(p + UPDATE_GRADIENT) + i) * factor);
        var first = load_moment(word(p + UPDATE_MOMENTS), i);
        var second = load_moment(word(p + UPDATE_MOMENTS + 1u), i);
        if (optimizer == OPTIMIZER_SGD) {
            parameter = fma(-gradient, learning_rate, parameter);
        } else if (optimizer == OPTIMIZER_MOMENTUM) {
            first = fma(first, number(p + UPDATE_MOMENTUM), gradient);
            parameter = fma(-first, learning_rate, parameter);
        } else {
            first = fma(first, number(p + UPDATE_KEEP_FIRST), gradient * number(p + UPDATE_TAKE_FIRST));
            second = fma(second, number(p + UPDATE_KEEP_SECOND), gradient * gradient * number(p + UPDATE_TAKE_SECOND));
            let root = fma(sqrt(second), correction, number(p + UPDATE_EPSILON));
            parameter = parameter * keep - first * step_size / root;
        }
        store(word(p + UPDATE_PARAMETER) + i, parameter);
        store_moment(word(p + UPDATE_MOMENTS), i, first);
        store_moment(word(p + UPDATE_MOMENTS + 1u), i, second);
    }
}
