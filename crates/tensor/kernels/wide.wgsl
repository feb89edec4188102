// Numbers of 64 bits, which WGSL lacks, in whole numbers of 32: sums and rates then have the bits they have elsewhere, whatever
// a compiler does with f32. A double is its bits, the low half first; what is too small for a normal number is 0.

/// A positive number on its way to 53 bits: `mantissa` · 2^(exponent − 1023 − 55), of which bit 0 says whether anything has been
/// lost.
struct Wide {
    mantissa: vec2<u32>,
    exponent: i32,
}

const ONE = vec2(0u, 0x3FF00000u);
const NO_NUMBER = vec2(0u, 0x7FF80000u);

fn is_zero(x: vec2<u32>) -> bool {
    return (x.x | x.y) == 0u;
}
fn wide_add_bits(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn wide_sub_bits(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return vec2(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}
fn is_less(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}
fn shifted_left(x: vec2<u32>, by: u32) -> vec2<u32> {
    if (by == 0u) {
        return x;
    }
    if (by >= 32u) {
        return vec2(0u, x.x << (by - 32u));
    }
    return vec2(x.x << by, x.y << by | x.x >> (32u - by));
}
/// Bits that fall off at the right leave a trace in bit 0.
fn shifted_right(x: vec2<u32>, by: u32) -> vec2<u32> {
    if (by == 0u) {
        return x;
    }
    if (by >= 64u) {
        return vec2(select(1u, 0u, is_zero(x)), 0u);
    }
    if (by >= 32u) {
        let less = by - 32u;
        let lost = x.x | (x.y & ((1u << less) - 1u));
        return vec2(x.y >> less | select(0u, 1u, lost != 0u), 0u);
    }
    let lost = x.x & ((1u << by) - 1u);
    return vec2(x.x >> by | x.y << (32u - by) | select(0u, 1u, lost != 0u), x.y >> by);
}

fn exponent_of(x: vec2<u32>) -> i32 {
    return i32(x.y >> 20u & 0x7FFu);
}
fn sign_bit(x: vec2<u32>) -> u32 {
    return x.y & 0x80000000u;
}
fn negated(x: vec2<u32>) -> vec2<u32> {
    return vec2(x.x, x.y ^ 0x80000000u);
}
/// Infinite, or no number.
fn is_special(x: vec2<u32>) -> bool {
    return exponent_of(x) == 0x7FF;
}
/// Its 53 bits; none of a number that is too small.
fn mantissa_of(x: vec2<u32>) -> vec2<u32> {
    if (exponent_of(x) == 0) {
        return vec2(0u, 0u);
    }
    return vec2(x.x, x.y & 0xFFFFFu | 0x100000u);
}

/// The nearest double, ties to even.
fn rounded(sign: u32, x: Wide) -> vec2<u32> {
    if (is_zero(x.mantissa)) {
        return vec2(0u, sign);
    }
    var zeros = countLeadingZeros(x.mantissa.y);
    if (x.mantissa.y == 0u) {
        zeros = 32u + countLeadingZeros(x.mantissa.x);
    }
    var mantissa = shifted_right(x.mantissa, 8u - min(zeros, 8u));
    mantissa = shifted_left(mantissa, max(zeros, 8u) - 8u);
    let exponent = x.exponent + 8 - i32(zeros);
    if (exponent <= 0) {
        return vec2(0u, sign);
    }
    let tail = mantissa.x & 7u;
    var bits = vec2(mantissa.x >> 3u | mantissa.y << 29u, mantissa.y >> 3u);
    if (tail > 4u || (tail == 4u && (bits.x & 1u) == 1u)) {
        bits = wide_add_bits(bits, vec2(1u, 0u));
    }
    // The leading bit, and the one a carry may have made, add themselves to the exponent.
    bits.y += u32(exponent - 1) << 20u;
    if ((bits.y >> 20u) >= 0x7FFu) {
        return vec2(0u, sign | 0x7FF00000u);
    }
    return vec2(bits.x, bits.y | sign);
}

fn wide_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    if (is_special(a) || is_special(b)) {
        let opposed = is_special(a) && is_special(b) && sign_bit(a) != sign_bit(b);
        let a_is_none = is_special(a) && !is_zero(vec2(a.x, a.y & 0xFFFFFu));
        if (opposed && !a_is_none) {
            return select(NO_NUMBER, b, !is_zero(vec2(b.x, b.y & 0xFFFFFu)));
        }
        return select(b, a, is_special(a) && (a_is_none || !is_special(b) || is_zero(vec2(b.x, b.y & 0xFFFFFu))));
    }
    var large = a;
    var small = b;
    if (is_less(vec2(a.x, a.y & 0x7FFFFFFFu), vec2(b.x, b.y & 0x7FFFFFFFu))) {
        large = b;
        small = a;
    }
    let distance = u32(exponent_of(large) - exponent_of(small));
    let first = shifted_left(mantissa_of(large), 3u);
    let second = shifted_right(shifted_left(mantissa_of(small), 3u), distance);
    if (sign_bit(a) == sign_bit(b)) {
        return rounded(sign_bit(large), Wide(wide_add_bits(first, second), exponent_of(large)));
    }
    let difference = wide_sub_bits(first, second);
    return rounded(select(sign_bit(large), 0u, is_zero(difference)), Wide(difference, exponent_of(large)));
}
fn wide_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return wide_add(a, negated(b));
}

/// Of finite numbers.
fn wide_mul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let sign = sign_bit(a) ^ sign_bit(b);
    let x = mantissa_of(a);
    let y = mantissa_of(b);
    let low = mul_wide(x.x, y.x);
    let high = mul_wide(x.y, y.y);
    let middle = wide_add_bits(mul_wide(x.x, y.y), mul_wide(x.y, y.x)); // two of at most 53 bits
    let carried = wide_add_bits(vec2(low.y, 0u), middle);
    let top = wide_add_bits(high, vec2(carried.y, 0u));
    // The product is top · 2⁶⁴ + carried.x · 2³² + low.x, its leading bit 104 or 105; of it, 49 bits are lost.
    let lost = low.x | (carried.x & 0x1FFFFu);
    let mantissa = vec2(carried.x >> 17u | top.x << 15u | select(0u, 1u, lost != 0u), top.x >> 17u | top.y << 15u);
    return rounded(sign, Wide(mantissa, exponent_of(a) + exponent_of(b) - 1023));
}

/// a / b of finite numbers, b not 0: bit by bit.
fn wide_div(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let divisor = mantissa_of(b);
    var left = mantissa_of(a);
    var quotient = vec2(0u, 0u);
    for (var i = 0u; i < 56u; i++) {
        quotient = shifted_left(quotient, 1u);
        if (!is_less(left, divisor)) {
            left = wide_sub_bits(left, divisor);
            quotient.x |= 1u;
        }
        left = shifted_left(left, 1u);
    }
    quotient.x |= select(1u, 0u, is_zero(left));
    return rounded(sign_bit(a) ^ sign_bit(b), Wide(quotient, exponent_of(a) - exponent_of(b) + 1023));
}

/// The square root of a positive number: bit by bit.
fn wide_sqrt(a: vec2<u32>) -> vec2<u32> {
    let exponent = exponent_of(a) - 1023;
    // Its mantissa at the top of 64 bits, so that two bits are taken at a time; one more where the exponent is odd.
    var rest = shifted_left(mantissa_of(a), select(10u, 11u, (exponent & 1) != 0));
    var left = vec2(0u, 0u);
    var root = vec2(0u, 0u);
    for (var i = 0u; i < 56u; i++) {
        left = shifted_left(left, 2u);
        left.x |= rest.y >> 30u;
        rest = shifted_left(rest, 2u);
        let trial = wide_add_bits(shifted_left(root, 2u), vec2(1u, 0u));
        root = shifted_left(root, 1u);
        if (!is_less(left, trial)) {
            left = wide_sub_bits(left, trial);
            root.x |= 1u;
        }
    }
    root.x |= select(1u, 0u, is_zero(left));
    return rounded(0u, Wide(root, (exponent >> 1u) + 1023));
}

/// A parameter.
fn wide_parameter(place: u32) -> vec2<u32> {
    return vec2(word(place), word(place + 1u));
}
fn load_wide(address: u32) -> vec2<u32> {
    return vec2(load_word(address), load_word(address + 1u));
}
fn store_wide(address: u32, x: vec2<u32>) {
    store_word(address, x.x);
    store_word(address + 1u, x.y);
}

/// From a whole number of 64 bits.
fn wide_of_whole(x: vec2<u32>) -> vec2<u32> {
    return rounded(0u, Wide(x, 1023 + 55));
}
fn wide_of_number(x: f32) -> vec2<u32> {
    let bits = bitcast<u32>(x);
    let sign = bits & 0x80000000u;
    let exponent = bits >> 23u & 0xFFu;
    if (exponent == 0u) {
        return vec2(0u, sign);
    }
    let high = bits >> 3u & 0xFFFFFu;
    let wide_exponent = select(exponent + 896u, 0x7FFu, exponent == 0xFFu);
    return vec2(bits << 29u, sign | wide_exponent << 20u | high);
}
/// The nearest f32, ties to even.
fn wide_to_number(x: vec2<u32>) -> f32 {
    let exponent = exponent_of(x) - 896;
    if (exponent <= 0) {
        return bitcast<f32>(sign_bit(x));
    }
    if (is_special(x) && !is_zero(vec2(x.x, x.y & 0xFFFFFu))) {
        return not_a_number();
    }
    if (exponent >= 0xFF) {
        return bitcast<f32>(sign_bit(x) | infinity_bits);
    }
    let tail = x.x & 0x1FFFFFFFu;
    var bits = u32(exponent) << 23u | (x.y & 0xFFFFFu) << 3u | x.x >> 29u;
    bits += select(0u, 1u, tail > 0x10000000u || (tail == 0x10000000u && (bits & 1u) == 1u));
    return bitcast<f32>(sign_bit(x) | bits);
}

/// cos(π x) for x from 0 to 1: the series, of the half of the range that is nearer to 0.
fn wide_cos_pi(x: vec2<u32>) -> vec2<u32> {
    let is_far = is_less(vec2(0u, 0x3FE00000u), x);
    var angle = wide_mul(x, vec2(0x54442D18u, 0x400921FBu));
    if (is_far) {
        angle = wide_mul(wide_sub(ONE, x), vec2(0x54442D18u, 0x400921FBu));
    }
    let square = wide_mul(angle, angle);
    var cosine = COSINE[11];
    for (var i = 11u; i > 0u; i--) {
        cosine = wide_add(wide_mul(cosine, square), COSINE[i - 1u]);
    }
    if (is_far) {
        return negated(cosine);
    }
    return cosine;
}

/// (−1)ⁱ / (2i)!
const COSINE = array<vec2<u32>, 12>(
    vec2(0x00000000u, 0x3FF00000u),
    vec2(0x00000000u, 0xBFE00000u),
    vec2(0x55555555u, 0x3FA55555u),
    vec2(0x16C16C17u, 0xBF56C16Cu),
    vec2(0x1A01A01Au, 0x3EFA01A0u),
    vec2(0xB7789F5Cu, 0xBE927E4Fu),
    vec2(0xEFF8D898u, 0x3E21EED8u),
    vec2(0xA8C07C9Du, 0xBDA93974u),
    vec2(0xE733B81Fu, 0x3D2AE7F3u),
    vec2(0x63B97D97u, 0xBCA68278u),
    vec2(0xA4020225u, 0x3C1E542Bu),
    vec2(0x6DB7F853u, 0xBB90CE39u),
);
