//! Which adapters there are.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wgpu::{Backend, Backends, DeviceType, Features, Instance, InstanceDescriptor, InstanceFlags};

use crate::backend::wgpu::{Adapter, AdapterKind, WgpuUnavailable};
use crate::ir::GraphicsApi;

/// Waits for what wgpu says will come; outside of browsers it is there at once.
pub(super) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// The adapters, in the order in which they are taken.
pub(super) fn adapters() -> Result<Vec<Adapter>, WgpuUnavailable> {
    let all = GraphicsApi::ALL.into_iter().flat_map(|api| found(api, false));
    let mut adapters: Vec<Adapter> = all.map(|(adapter, _)| adapter).collect();
    adapters.sort_by_key(|adapter| adapter.kind);
    if adapters.is_empty() { Err(WgpuUnavailable::NoAdapter) } else { Ok(adapters) }
}

/// The adapters of one API, in the order of its driver.
pub(super) fn found(api: GraphicsApi, validation: bool) -> Vec<(Adapter, wgpu::Adapter)> {
    let backends = match api {
        GraphicsApi::Metal => Backends::METAL,
        GraphicsApi::Vulkan => Backends::VULKAN,
        GraphicsApi::Dx12 => Backends::DX12,
    };
    if !Instance::enabled_backend_features().intersects(backends) {
        return Vec::new();
    }
    let flags =
        if validation { InstanceFlags::VALIDATION | InstanceFlags::DEBUG } else { InstanceFlags::empty() };
    let instance = Instance::new(InstanceDescriptor {
        backends,
        flags,
        ..InstanceDescriptor::new_without_display_handle()
    });
    let adapters = wait_for(instance.enumerate_adapters(backends)).into_iter();
    adapters
        .enumerate()
        .filter_map(|(index, adapter)| Some((described(api, index, &adapter)?, adapter)))
        .collect()
}

fn described(api: GraphicsApi, index: usize, adapter: &wgpu::Adapter) -> Option<Adapter> {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => AdapterKind::Discrete,
        DeviceType::IntegratedGpu => AdapterKind::Integrated,
        DeviceType::VirtualGpu | DeviceType::Other => AdapterKind::Other,
        DeviceType::Cpu => AdapterKind::Software,
    };
    let driver = [info.driver, info.driver_info].into_iter().filter(|text| !text.is_empty());
    let is_this_api = matches!(
        (api, info.backend),
        (GraphicsApi::Metal, Backend::Metal)
            | (GraphicsApi::Vulkan, Backend::Vulkan)
            | (GraphicsApi::Dx12, Backend::Dx12)
    );
    is_this_api.then(|| Adapter {
        api,
        index,
        name: info.name,
        kind,
        vendor: info.vendor,
        driver: driver.collect::<Vec<_>>().join(" "),
        largest_buffer: limits.max_buffer_size,
        largest_binding: limits.max_storage_buffer_binding_size,
        has_f16: adapter.features().contains(Features::SHADER_F16),
        subgroup: info.subgroup_min_size,
    })
}
