// An arena that is larger than a binding: windows on it side by side, so that the topmost bits of an address say which one it is in.

@group(0) @binding(0) var<storage, read> parameters: array<u32>;
DECLARATIONS
fn load_word(address: u32) -> u32 {
    let place = address & PLACE;
    switch (address >> SHIFT) {
LOADS    }
}
fn store_word(address: u32, value: u32) {
    let place = address & PLACE;
    switch (address >> SHIFT) {
STORES    }
}
fn load(address: u32) -> f32 {
    return bitcast<f32>(load_word(address));
}
fn store(address: u32, value: f32) {
    store_word(address, bitcast<u32>(value));
}
fn load_vector(address: u32) -> vec4<f32> {
    return vec4(load(address), load(address + 1u), load(address + 2u), load(address + 3u));
}
fn store_vector(address: u32, value: vec4<f32>) {
    store(address, value.x);
    store(address + 1u, value.y);
    store(address + 2u, value.z);
    store(address + 3u, value.w);
}
