//! The CUDA backend on the emulator.

mod bench;
mod kernels;
mod sanitizer;
mod training;

use crate::backend::cuda::items;
use crate::testing::emulator;

#[test]
fn host_and_kernels_lay_parameters_out_alike() {
    let Some(emulator) = emulator(0) else { return };
    assert_eq!(items::layout(), emulator.layout());
}
