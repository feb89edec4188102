// The arena in one binding, and the same as fours.

@group(0) @binding(0) var<storage, read> parameters: array<u32>;
@group(0) @binding(1) var<storage, read_write> memory: array<u32>;
@group(0) @binding(2) var<storage, read_write> memory_in_fours: array<vec4<u32>>;

fn load_word(address: u32) -> u32 {
    return memory[address];
}
fn store_word(address: u32, value: u32) {
    memory[address] = value;
}
fn load(address: u32) -> f32 {
    return bitcast<f32>(memory[address]);
}
fn store(address: u32, value: f32) {
    memory[address] = bitcast<u32>(value);
}

/// Four neighbours on 16 bytes.
fn load_vector(address: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(memory_in_fours[address / 4u]);
}
fn store_vector(address: u32, value: vec4<f32>) {
    memory_in_fours[address / 4u] = bitcast<vec4<u32>>(value);
}
