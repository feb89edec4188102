// The elementwise formulas, of which kernels are made and with which products are finished.
//
// WGSL promises little of its functions (an error of 10⁻⁵ for tanh, of many units in the last place for exp), so most are
// written out here, with the polynomials of the CPU's kernels; log and sqrt are the device's.

/// 2ⁿ · x for a whole n, in two factors, so that neither is out of range.
fn scaled(x: f32, n: f32) -> f32 {
    let whole = i32(n);
    let half = whole / 2;
    return x * bitcast<f32>(u32(half + 127) << 23u) * bitcast<f32>(u32(whole - half + 127) << 23u);
}

/// e^x
fn exponential(x: f32) -> f32 {
    if (is_nan(x)) {
        return x;
    }
    if (x < -87.33654) {
        return 0.0;
    }
    if (x > 88.72) {
        return infinity();
    }
    let n = round(x * 1.442695);
    let r = fma(-n, -2.1219444e-4, fma(-n, 0.6933594, x));
    let p = fma(fma(fma(fma(0.00139013, r, 0.00836314), r, 0.04166685), r, 0.16666577), r, 0.5);
    return scaled(fma(p * r, r, r) + 1.0, n);
}

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exponential(-x));
}

/// tanh x: near zero an odd polynomial, elsewhere 1 − 2 / (e²ˣ + 1).
fn hyperbolic_tangent(x: f32) -> f32 {
    let y = x * x;
    if (y < 0.390625) {
        let p = fma(fma(fma(fma(-0.00609694, y, 0.02099736), y, -0.05385095), y, 0.1333277), y, -0.3333333);
        return fma(p * y, x, x);
    }
    return 1.0 - 2.0 / (exponential(2.0 * x) + 1.0);
}

/// Φ(x) = erfc(−x/√2) / 2 with erfc(z) = e^(−z²) · t · p(t), t = 1 / (1 + z/2) for z ≥ 0.
fn normal_cdf(x: f32) -> f32 {
    let z = abs(x) * 0.70710678;
    let t = 1.0 / fma(z, 0.5, 1.0);
    var p = fma(fma(fma(-0.02532872, t, 0.06356646), t, 0.03248515), t, -0.20037503);
    p = fma(fma(fma(p, t, 0.08060888), t, 0.05783364), t, 0.18050882);
    p = fma(fma(fma(p, t, 0.24650109), t, 0.28210481), t, 0.28209474);
    let tail = 0.5 * t * (p * exponential(-z * z));
    return select(1.0 - tail, tail, x < 0.0);
}

/// Φ(x) + x φ(x), the slope of GELU.
fn gelu_slope(x: f32) -> f32 {
    return fma(x, exponential(x * x * -0.5) * 0.3989423, normal_cdf(x));
}

/// x^exponent, of negative x for whole exponents, as C has it.
fn raised(x: f32, exponent: f32) -> f32 {
    if (exponent == 0.0) {
        return 1.0;
    }
    let size = abs(x);
    var value = 0.0;
    if (size == 0.0 || size == infinity()) {
        value = select(0.0, infinity(), (size == 0.0) == (exponent < 0.0));
    } else {
        value = power_of_positive(size, exponent);
    }
    if (x >= 0.0) {
        return value;
    }
    if (is_nan(x) || (exponent != floor(exponent) && size != infinity() && size != 0.0)) {
        return not_a_number();
    }
    let is_odd = exponent == floor(exponent) && exponent * 0.5 != floor(exponent * 0.5);
    return select(value, -value, is_odd);
}

/// 2^(exponent · log₂ x), with the logarithm's whole part and its rest apart: their sum would lose the digits that count.
fn power_of_positive(x: f32, exponent: f32) -> f32 {
    let bits = bitcast<u32>(x);
    var whole = f32(i32(bits >> 23u) - 127);
    var mantissa = bitcast<f32>(bits & 0x7FFFFFu | 0x3F800000u);
    if (mantissa > 1.41421356) {
        mantissa *= 0.5;
        whole += 1.0;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let y = s * s;
    let series = fma(y, fma(y, fma(y, fma(y, 0.32059889, 0.41219858), 0.57707802), 0.96179669), 2.88539008);
    let rest = s * series;
    let times = whole * exponent;
    let nearest = round(times);
    let left = fma(rest, exponent, fma(whole, exponent, -nearest));
    let turn = round(left);
    let sum = nearest + turn;
    if (sum > 128.0) {
        return infinity();
    }
    if (sum < -126.0) {
        return 0.0;
    }
    return scaled(exponential((left - turn) * 0.69314718), sum);
}

/// −1, 1, or what has no sign: 0 and NaN.
fn sign_of(x: f32) -> f32 {
    if (x > 0.0) {
        return 1.0;
    }
    if (x < 0.0) {
        return -1.0;
    }
    return x;
}

/// formula(x, y); `first` and `second` are the numbers of those that have some. A NaN stays one.
fn compute(formula: u32, x: f32, y: f32, first: f32, second: f32) -> f32 {
    switch (formula) {
        case FORMULA_ADD: { return x + y; }
        case FORMULA_SUB: { return x - y; }
        case FORMULA_MUL: { return x * y; }
        case FORMULA_DIV: { return x / y; }
        case FORMULA_AFFINE: { return fma(x, first, second); }
        case FORMULA_EXP: { return exponential(x); }
        case FORMULA_LN: { return log(x); }
        case FORMULA_SQRT: { return sqrt(x); }
        case FORMULA_RELU: { return select(x, 0.0, x < 0.0); }
        case FORMULA_RELU_GRAD: { return select(0.0, x, y > 0.0); }
        case FORMULA_TANH: { return hyperbolic_tangent(x); }
        case FORMULA_TANH_GRAD: { return x * fma(-y, y, 1.0); }
        case FORMULA_SIGMOID: { return sigmoid(x); }
        case FORMULA_SIGMOID_GRAD: { return x * (y * (1.0 - y)); }
        case FORMULA_GELU: { return x * normal_cdf(x); }
        case FORMULA_GELU_GRAD: { return x * gelu_slope(y); }
        case FORMULA_ABS: { return abs(x); }
        case FORMULA_SIGN: { return sign_of(x); }
        case FORMULA_CLAMP: { return select(select(x, second, x > second), first, x < first); }
        case FORMULA_WITHIN: { return select(0.0, x, y >= first && y <= second); }
        case FORMULA_POW: { return raised(x, first); }
        case FORMULA_MAXIMUM: { return larger(x, y); }
        case FORMULA_MINIMUM: { return -larger(-x, -y); }
        case FORMULA_LARGER_SHARE: { return select(select(1.0, 0.5, x == y), 0.0, x < y); }
        case FORMULA_GREATER: { return select(0.0, 1.0, x > y); }
        case FORMULA_GREATER_EQUAL: { return select(0.0, 1.0, x >= y); }
        case FORMULA_EQUAL: { return select(0.0, 1.0, x == y); }
        case FORMULA_WHERE: { return select(0.0, x, y != 0.0); }
        case FORMULA_WHERE_NOT: { return select(0.0, x, y == 0.0); }
        default: { return not_a_number(); }
    }
}
