// Elementwise formulas over up to two broadcast operands.

/// The host has merged dimensions that run together, so that arrays of equal shapes have one dimension.
fn map(p: u32, share: Share) {
    let elements = word(p + MAP_ELEMENTS);
    let formula = word(p + MAP_FORMULA);
    let scale = number(p + MAP_SCALE);
    let shift = number(p + MAP_SHIFT);
    for (var i = first_of(share); i < elements; i += step_of(share)) {
        var rest = i;
        var x_at = word(p + MAP_X);
        var y_at = word(p + MAP_Y);
        for (var axis = word(p + MAP_RANK) - 1u; axis > 0u; axis--) {
            let dim = word(p + MAP_DIMS + axis);
            let index = rest % dim;
            rest /= dim;
            x_at += index * word(p + MAP_X_STRIDES + axis);
            y_at += index * word(p + MAP_Y_STRIDES + axis);
        }
        let x = load(x_at + rest * word(p + MAP_X_STRIDES));
        let y = load(y_at + rest * word(p + MAP_Y_STRIDES));
        store(word(p + MAP_OUTPUT) + i, compute(formula, x, y, scale, shift));
    }
}
