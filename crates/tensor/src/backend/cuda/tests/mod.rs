//! The CUDA backend on the emulator.

mod sanitizer;
mod training;

use std::sync::{Arc, OnceLock};

use crate::backend::Backend;
use crate::backend::cuda::device::Cuda;
use crate::backend::cuda::driver;
use crate::backend::cuda::runtime::Runtime;
use crate::backend::launch::function::Function;
use crate::backend::launch::lower;
use crate::backend::launch::lowering::{Lowering, Sizing};
use crate::backend::launch::orders::Order;
use crate::backend::launch::tile::Tile;
use crate::ir::kernel::{Columns, Copy, Epilogue, GatherTargets, Gemm, Join, Left, Part, Sink};
use crate::ir::{Device, Kernel, TargetFormat, Value};

/// The machine's GPU with work cut like this; none if it has none that can be used. It is opened once.
pub(crate) fn gpu_with(sizing: Sizing) -> Option<Backend> {
    static GPU: OnceLock<Option<Arc<dyn Runtime>>> = OnceLock::new();
    let runtime = GPU.get_or_init(|| driver::runtime().ok()).clone()?;
    Some(Backend::new(Cuda::with_sizing(runtime, Device::Cuda(0), None, sizing)))
}

#[test]
fn every_kernel_is_in_its_module() {
    let texts = [
        include_str!("../../../../kernels/stage.cu"),
        include_str!("../../../../kernels/stage_large.cu"),
        include_str!("../../../../kernels/stage_tensor.cu"),
    ];
    for (function, text) in Function::ALL.into_iter().zip(texts) {
        assert!(text.contains(&format!(" {}(PARAMETER(Items)", function.name())), "{function:?}");
    }
}

/// A stage without work makes no launch, so the last launch may be one that gathers.
#[test]
fn the_feed_is_never_advanced_in_a_launch_that_gathers() {
    let launches = |after: &[Kernel]| {
        let gather =
            Kernel::GatherTargets(GatherTargets { output: Value(0), rows: 5, format: TargetFormat::Class });
        let lowering =
            Lowering { value: &|value| 64 * u64::from(value.0), feed: 640, sizing: Sizing::default() };
        lower::step(&[vec![gather], after.to_vec()], 5, &lowering).len()
    };
    let copy = |elements| -> Kernel { Copy { input: Value(1), output: Value(2), elements }.into() };
    assert_eq!(launches(&[]), 2);
    assert_eq!(launches(&[copy(0)]), 2);
    assert_eq!(launches(&[copy(1)]), 2);
    let full: Vec<Kernel> = (0..16).map(|_| copy(1)).collect();
    assert_eq!(launches(&full), 3);
}

/// Kernels that modules with large tiles have no registers for.
#[test]
fn some_kernels_are_never_in_a_launch_with_large_tiles() {
    let join = || -> Kernel {
        let columns = Columns::Of { value: Value(3), first: 0, columns: 5 };
        Join { parts: vec![Part { columns, width: 5 }], output: Value(4), rows: 7 }.into()
    };
    let product = |size: usize| -> Kernel {
        let (a, c) = (Left::Value(Value(0)), Sink::Store(Value(2)));
        let epilogue = Epilogue::default();
        let b = Value(1);
        Gemm { a, b, c, m: size, n: size, k: size, transpose_a: false, epilogue, column_sum: None }.into()
    };
    let functions = |stage: Vec<Kernel>| -> Vec<Function> {
        let lowering =
            Lowering { value: &|value| 64 * u64::from(value.0), feed: 640, sizing: Sizing::default() };
        let function = |order| match order {
            Order::Launch(launch) => launch.function(),
            Order::Constant { .. } => unreachable!("there are none"),
        };
        lower::step(&[stage], 0, &lowering).into_iter().map(function).collect()
    };
    assert_eq!(functions(vec![join(), product(32)]), [Function::Stage]);
    assert_eq!(functions(vec![join(), product(8192), join()]), [Function::StageLarge, Function::Stage]);
}

/// The shapes that the tiles were made for.
#[test]
fn products_get_the_tiles_that_keep_a_gpu_busy() {
    let tiles = |[m, k, n]: [usize; 3], transpose_a| {
        let value = Value(0);
        let gemm = Gemm {
            a: Left::Value(value),
            b: value,
            c: Sink::Store(value),
            m,
            n,
            k,
            transpose_a,
            epilogue: Epilogue::default(),
            column_sum: None,
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
    assert_eq!(tiles([784, 8192, 4096], true), (Tile::Broad, Tile::Tensor));
    assert_eq!(tiles([8192, 784, 512], false), (Tile::Broad, Tile::Tensor));
    // What `cargo xtask gpu` runs with the sanitizer, so that it sees both kinds of products on tensor cores.
    assert_eq!(tiles([1024, 784, 4096], false).1, Tile::Tensor);
    assert_eq!(tiles([784, 1024, 4096], true).1, Tile::Tensor);
    // Evaluations: k is sliced alike whatever the batch.
    for rows in [1, 10, 1000] {
        assert!(matches!(tiles([rows, 784, 512], false).0, Tile::Narrow | Tile::Sliced));
    }
}
