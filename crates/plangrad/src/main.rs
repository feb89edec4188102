//! plangrad
fn main() {}
