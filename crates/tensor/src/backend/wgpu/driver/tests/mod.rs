//! Adapters on this machine, mostly the software Vulkan of Debian's `mesa-vulkan-drivers`.

#[cfg(feature = "translate")]
mod translate;

use std::sync::{Arc, OnceLock};

use super::device::{Wgpu, tile};
use super::gpu::Gpu;
use super::memory::GpuMemory;
use super::step::dispatches_so_far;
use crate::backend::Backend;
use crate::backend::launch::lowering::Sizing;
use crate::backend::wgpu::{self, WgpuLimits, WgpuOptions, WgpuUnavailable};
use crate::device::Ledger;
use crate::ir::{Device, GraphicsApi, MemoryReport};
use crate::testing::net::{ADAM, Net, cpu, mixed_rows};
use crate::{DType, Error, Session};

/// Bytes of the windows through which arenas are seen where bindings are small.
const SMALL_WINDOW: u64 = 256 << 10;

/// The first Vulkan adapter, opened once; none, reported once, where there is none.
///
/// # Panics
/// If there is none and `PLANGRAD_CI` is set, where no test may be skipped.
fn gpus() -> &'static [(&'static str, Arc<Gpu>)] {
    static GPUS: OnceLock<Vec<(&str, Arc<Gpu>)>> = OnceLock::new();
    GPUS.get_or_init(|| {
        let kinds =
            [("Vulkan", WgpuLimits::Least), ("Vulkan in windows", WgpuLimits::Bindings(SMALL_WINDOW))];
        let opened = kinds.map(|(name, limits)| {
            let options = WgpuOptions::default().limits(limits).validation(true);
            Gpu::open(GraphicsApi::Vulkan, 0, options).map(|(gpu, _)| (name, Arc::new(gpu)))
        });
        let opened: Result<Vec<_>, _> = opened.into_iter().collect();
        opened.unwrap_or_else(|reason| {
            assert!(std::env::var_os("PLANGRAD_CI").is_none(), "{reason}");
            eprintln!("SKIPPED: tests of the kernels in WGSL: {reason}");
            Vec::new()
        })
    })
}

pub(super) fn with_sizing(sizing: Sizing) -> Vec<(&'static str, Backend)> {
    let device = Device::Wgpu(GraphicsApi::Vulkan, 0);
    let open = |(name, gpu): &(&'static str, Arc<Gpu>)| {
        (*name, Backend::new(Wgpu::with_sizing(gpu.clone(), device, Sizing { tile, ..sizing })))
    };
    gpus().iter().map(open).collect()
}

fn mnist() -> Net {
    Net { optimizer: ADAM, learning_rate: 1e-3, ..Net::classifier(&[1, 28, 28], &[128], 10) }
}

#[test]
fn a_step_of_the_mnist_network_is_eight_dispatches() {
    let Some((_, adapter)) = with_sizing(Sizing::default()).into_iter().next() else { return };
    let net = mnist();
    let before = dispatches_so_far();
    let _session = net.session(&adapter, vec![net.training_plan(64)]);
    assert_eq!(dispatches_so_far() - before, 8);
}

/// Batches of one sample, and of so many that products are cut otherwise.
#[test]
fn batches_of_every_size_train_as_on_the_cpu() {
    let net = Net { dtype: DType::U8, ..mnist() };
    for size in [1, 1025, 16_384] {
        let source = net.source(64);
        let rows: Vec<u32> = (0..size).map(|i| i % 64).collect();
        let step = |backend: &Backend| {
            let mut session = net.session(backend, vec![net.training_plan(size as usize)]);
            session.run(0, &source.batches(&rows).unwrap()).unwrap();
            session.metrics().unwrap().mean_loss()
        };
        let expected = step(&cpu(2));
        let Some((_, adapter)) = with_sizing(Sizing::default()).into_iter().next() else { return };
        let found = step(&adapter);
        assert!((found / expected - 1.0).abs() < 1e-5, "{size}: {found} instead of {expected}");
    }
}

/// Samples of 784 bytes, of which a window of 256 KiB holds 334.
#[test]
fn a_dataset_larger_than_a_binding_trains_as_one_that_is_staged() {
    let Some((_, adapter)) = with_sizing(Sizing::default()).into_iter().nth(1) else { return };
    let net = Net { dtype: DType::U8, ..mnist() };
    let mut source = net.source(1000);
    let rows = mixed_rows(10 * 32, 1000);
    let train = |source: &crate::Source| {
        let mut session = net.session(&adapter, vec![net.training_plan(32)]);
        session.run(0, &source.batches(&rows).unwrap()).unwrap();
        (session.metrics().unwrap(), session.parameter(net.parameters()[0].id()).unwrap())
    };
    let staged = train(&source);
    source.upload(&adapter).unwrap();
    assert!(train(&source) == staged);
}

#[test]
fn what_a_buffer_cannot_hold_is_out_of_memory_and_the_device_stays_usable() {
    let Some((_, gpu)) = gpus().first() else { return };
    let ledger = Ledger::new(Device::Wgpu(GraphicsApi::Vulkan, 0), None);
    let report = MemoryReport::default();
    // A WebGPU device has buffers of 256 MiB.
    let refused = GpuMemory::reserve(gpu, &ledger, 256 << 20, &report).map(drop).unwrap_err();
    let Error::OutOfMemory { requested, free, .. } = refused else { panic!("{refused}") };
    assert_eq!((requested, free), (256 << 20, 256 << 20));
    assert_eq!(ledger.reading().reserved, 0);
    GpuMemory::reserve(gpu, &ledger, 1 << 20, &report).unwrap();
}

#[test]
fn a_device_that_is_gone_is_an_error() {
    let options = WgpuOptions::default();
    let Ok((gpu, _)) = Gpu::open(GraphicsApi::Vulkan, 0, options) else { return };
    let (gpu, net) = (Arc::new(gpu), mnist());
    let device = Device::Wgpu(GraphicsApi::Vulkan, 0);
    let backend = Backend::new(Wgpu::with_sizing(gpu.clone(), device, Sizing::default()));
    let source = net.source(8);
    let mut session = net.session(&backend, vec![net.training_plan(8)]);
    gpu.device.destroy();
    let rows = [0, 1, 2, 3, 4, 5, 6, 7];
    let ran = session.run(0, &source.batches(&rows).unwrap()).and_then(|()| session.wait());
    assert!(matches!(ran, Err(Error::Device { .. })), "{ran:?}");
    assert!(matches!(Session::streaming(&backend, vec![net.training_plan(8)]), Err(Error::Device { .. })));
}

#[test]
fn adapters_are_counted_from_0_and_belong_to_a_system() {
    let count = wgpu::adapters().map_or(0, |adapters| adapters.len());
    if count > 0 {
        let refused = wgpu::open(GraphicsApi::Vulkan, 99, WgpuOptions::default()).unwrap_err();
        assert!(matches!(refused, WgpuUnavailable::NoSuchAdapter { index: 99, .. }), "{refused}");
    }
    #[cfg(target_os = "linux")]
    for api in [GraphicsApi::Metal, GraphicsApi::Dx12] {
        let refused = wgpu::open(api, 0, WgpuOptions::default()).unwrap_err();
        assert_eq!(refused, WgpuUnavailable::OtherSystem { api, here: "vulkan" });
    }
}
