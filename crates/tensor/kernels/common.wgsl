// What all kernels share: memory, a workgroup's share of the work, sums over a group of threads.
//
// WGSL has no pointers to device memory, so an address is a number of 32-bit words from the arena's begin, and kernels load
// and store through the functions of memory.wgsl. A kernel's parameters are words as well: `p` is where they begin, and
// constants made from the structs in Rust say which is which.

const NOWHERE: u32 = 0xFFFFFFFFu;

/// The thread's number in its workgroup.
var<private> thread: u32;

/// Shared by a workgroup.
var<workgroup> scratch: array<f32, SCRATCH>;

// Bits of numbers that WGSL has no literals for; variables, as it refuses to make them of constants.
var<private> nan_bits: u32 = 0x7FC00000u;
var<private> infinity_bits: u32 = 0x7F800000u;

fn not_a_number() -> f32 {
    return bitcast<f32>(nan_bits);
}
fn infinity() -> f32 {
    return bitcast<f32>(infinity_bits);
}
/// Told by its bits: compilers may assume that no number is unlike itself.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7FFFFFFFu) > 0x7F800000u;
}

/// A parameter.
fn word(place: u32) -> u32 {
    return parameters[place];
}
fn number(place: u32) -> f32 {
    return bitcast<f32>(parameters[place]);
}

/// The number itself, by a way that compilers cannot see through: the first job's first workgroup is 0.
fn opaque(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ word(1u));
}

/// The part of a job that is this workgroup's: units `block`, `block + blocks` and so on.
struct Share {
    block: u32,
    blocks: u32,
}

/// Where a unit is one element: this thread's first, and the way to the next.
fn first_of(share: Share) -> u32 {
    return share.block * THREADS + thread;
}
fn step_of(share: Share) -> u32 {
    return share.blocks * THREADS;
}

/// Where a unit is a row for a group of threads: how many rows a workgroup takes at a time, and which of them is this
/// thread's. All threads walk through rows together, since they wait for each other.
fn row_of_group(first: u32) -> u32 {
    return first + thread / WARP;
}
fn lane() -> u32 {
    return thread % WARP;
}

/// Byte `i` of an array of bytes.
fn load_byte(address: u32, i: u32) -> u32 {
    return load_word(address + i / 4u) >> (i % 4u * 8u) & 0xFFu;
}

/// Two bytes of an array of such pairs.
fn load_pair(address: u32, i: u32) -> u32 {
    return load_word(address + i / 2u) >> (i % 2u * 16u) & 0xFFFFu;
}

/// The label of row `i`: a byte, or two where there are more classes than a byte tells apart.
fn label_of(labels: u32, i: u32, classes: u32) -> u32 {
    if (classes <= 256u) {
        return load_byte(labels, i);
    }
    return load_pair(labels, i);
}

/// The larger of two numbers, or NaN if either is.
fn larger(a: f32, b: f32) -> f32 {
    if (is_nan(a) || is_nan(b)) {
        return not_a_number();
    }
    return max(a, b);
}

/// A sum over the first `lanes` threads of a group, in every thread, in their order. All threads of the workgroup call it.
fn group_sum(value: f32, lanes: u32) -> f32 {
    scratch[thread] = value;
    workgroupBarrier();
    let start = thread / WARP * WARP;
    var sum = scratch[start];
    for (var i = 1u; i < lanes; i++) {
        sum += scratch[start + i];
    }
    workgroupBarrier();
    return sum;
}

fn group_larger(value: f32, lanes: u32) -> f32 {
    scratch[thread] = value;
    workgroupBarrier();
    let start = thread / WARP * WARP;
    var maximum = scratch[start];
    for (var i = 1u; i < lanes; i++) {
        maximum = larger(maximum, scratch[start + i]);
    }
    workgroupBarrier();
    return maximum;
}

/// The product of two numbers in 64 bits, the low half first.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xFFFFu) * (b & 0xFFFFu);
    let first = (a >> 16u) * (b & 0xFFFFu) + (low >> 16u);
    let second = (a & 0xFFFFu) * (b >> 16u) + (first & 0xFFFFu);
    return vec2(second << 16u | low & 0xFFFFu, (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u));
}
