//! The CUDA backend on the emulator.

mod bench;
mod kernels;
mod sanitizer;
mod training;

use crate::backend::cuda::items;
use crate::backend::cuda::runtime::Function;
use crate::backend::cuda::tile::Tile;
use crate::plan::{Epilogue, Gemm, Value};
use crate::testing::emulator;

#[test]
fn host_and_kernels_lay_parameters_out_alike() {
    let Some(emulator) = emulator(0) else { return };
    assert_eq!(items::layout(), emulator.layout());
}

#[test]
fn every_kernel_is_in_its_module() {
    for function in Function::ALL {
        let file = format!("{}/kernels/{}.cu", env!("CARGO_MANIFEST_DIR"), function.module());
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!(" {}(PARAMETER(Items)", function.name())), "{function:?}");
    }
}

/// What the tiles were made for.
#[test]
fn products_get_the_tiles_that_keep_a_gpu_busy() {
    let tiles = |[m, k, n]: [usize; 3], transpose_a| {
        let value = Value(0);
        let gemm = Gemm {
            a: value,
            b: value,
            c: value,
            m,
            n,
            k,
            transpose_a,
            transpose_b: false,
            epilogue: Epilogue::None,
            column_sum: None,
            accumulate: false,
            accumulate_sums: false,
        };
        (Tile::of(&gemm), Tile::of_tf32(&gemm))
    };
    // A step of 784-128-10 with a batch of 64: layers forward, then back.
    assert_eq!(tiles([64, 784, 128], false), (Tile::Narrow, Tile::Narrow));
    assert_eq!(tiles([64, 128, 10], false), (Tile::Narrow, Tile::Narrow));
    assert_eq!(tiles([64, 10, 128], false), (Tile::Small, Tile::Small));
    assert_eq!(tiles([784, 64, 128], true), (Tile::Small, Tile::Small));
    // Hidden layers of 4096 with a batch of 8192, forward and the weights' gradient.
    assert_eq!(tiles([8192, 4096, 4096], false), (Tile::Large, Tile::Tensor));
    assert_eq!(tiles([4096, 8192, 4096], true), (Tile::Large, Tile::Tensor));
    // Evaluations: k is sliced alike whatever the batch.
    for rows in [1, 10, 1000] {
        assert!(matches!(tiles([rows, 784, 512], false).0, Tile::Narrow | Tile::Sliced));
    }
}
