//! An open adapter: its queue, the pipelines that have been made so far, and whether it has failed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, Buffer, BufferBindingType,
    ComputePipeline, ComputePipelineDescriptor, Device, DeviceDescriptor, ErrorFilter, Limits, MemoryHints,
    PipelineCompilationOptions, PipelineLayoutDescriptor, PollType, Queue, ShaderModuleDescriptor,
    ShaderRuntimeChecks, ShaderSource, ShaderStages,
};

use super::probe::{found, wait_for};
use super::shader::{Module, ORIGIN_BINDINGS, Windows};
use crate::backend::wgpu::{Adapter, WgpuLimits, WgpuOptions, WgpuUnavailable};
use crate::error::DeviceFailure;
use crate::ir::GraphicsApi;

/// Bindings of a launch beside windows on the arena: its parameters, and three on a dataset.
const OTHER_BINDINGS: u32 = 4;
/// More windows on an arena than any adapter needs.
const MOST_WINDOWS: u64 = 16;

/// What every buffer is called by its driver's tools.
pub(super) const LABEL: Option<&str> = Some("plangrad");

pub(super) struct Gpu {
    pub(super) device: Device,
    pub(super) queue: Queue,
    limits: Limits,
    failure: Arc<Mutex<Option<DeviceFailure>>>,
    pipelines: Mutex<HashMap<Module, Arc<Pipeline>>>,
    /// Where bytes arrive on their way to the host.
    pub(super) landing: Mutex<Option<Buffer>>,
}

/// A module as the driver has compiled it.
pub(super) struct Pipeline {
    pub(super) compute: ComputePipeline,
    pub(super) memory: BindGroupLayout,
}

impl Gpu {
    pub(super) fn open(
        api: GraphicsApi,
        index: usize,
        options: WgpuOptions,
    ) -> Result<(Gpu, Adapter), WgpuUnavailable> {
        let here = here();
        if !here.contains(api.name()) {
            return Err(WgpuUnavailable::OtherSystem { api, here });
        }
        let mut all = found(api, options.validation);
        if all.is_empty() {
            return Err(WgpuUnavailable::NoAdapter);
        }
        let count = all.len();
        let place = all.iter().position(|(adapter, _)| adapter.index == index);
        let place = place.ok_or(WgpuUnavailable::NoSuchAdapter { api, index, count })?;
        let (adapter, handle) = all.swap_remove(place);
        let limits = asked_for(options.limits, handle.limits());
        enough(&adapter, &limits)?;
        let descriptor = DeviceDescriptor {
            label: LABEL,
            required_limits: limits.clone(),
            // An arena is one allocation; pools would only add to it.
            memory_hints: MemoryHints::MemoryUsage,
            ..DeviceDescriptor::default()
        };
        let refused = |error: wgpu::RequestDeviceError| WgpuUnavailable::Refused {
            name: adapter.name.clone(),
            reason: error.to_string(),
        };
        let (device, queue) = wait_for(handle.request_device(&descriptor)).map_err(refused)?;
        let failure = Arc::new(Mutex::new(None));
        watch(&device, &failure);
        Ok((
            Gpu { device, queue, limits, failure, pipelines: Mutex::default(), landing: Mutex::default() },
            adapter,
        ))
    }

    /// The failure that the driver has reported, if any.
    pub(super) fn check(&self) -> Result<(), DeviceFailure> {
        lock(&self.failure).clone().map_or(Ok(()), Err)
    }

    /// Blocks until all that was submitted has finished.
    pub(super) fn wait(&self) -> Result<(), DeviceFailure> {
        let polled = self.device.poll(PollType::wait_indefinitely());
        self.check()?;
        polled.map(drop).map_err(|error| DeviceFailure::Graphics { report: error.to_string() })
    }

    /// What of the driver's work fails while `work` does not report it otherwise.
    pub(super) fn catching<T>(
        &self,
        filter: ErrorFilter,
        work: impl FnOnce() -> T,
    ) -> (T, Option<wgpu::Error>) {
        let scope = self.device.push_error_scope(filter);
        let value = work();
        (value, wait_for(scope.pop()))
    }

    /// Where bindings may begin.
    pub(super) fn alignment(&self) -> u64 {
        u64::from(self.limits.min_storage_buffer_offset_alignment)
    }

    /// Bytes of the largest binding.
    pub(super) fn largest_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size / 4 * 4
    }

    pub(super) fn largest_buffer(&self) -> u64 {
        self.limits.max_buffer_size / 4 * 4
    }

    /// Bytes of the largest arena: one buffer, seen through as many windows as there are.
    pub(super) fn largest_arena(&self) -> u64 {
        let behind = 2 * crate::ir::ALIGNMENT as u64; // the feed
        self.largest_buffer().min(self.most_windows() * self.window()).saturating_sub(behind)
    }

    /// Most workgroups in a dimension.
    pub(super) fn most_groups(&self) -> u32 {
        self.limits.max_compute_workgroups_per_dimension
    }

    /// How an arena of so many bytes is bound.
    pub(super) fn windows(&self, bytes: u64) -> Windows {
        if bytes <= self.largest_binding() {
            return Windows::Whole;
        }
        Windows::Several { count: bytes.div_ceil(self.window()) as u32, bytes: self.window() }
    }

    /// Bytes of a window: a power of two, so that an address says which window it is in.
    fn window(&self) -> u64 {
        1 << self.largest_binding().ilog2()
    }

    fn most_windows(&self) -> u64 {
        let bindings =
            self.limits.max_storage_buffers_per_shader_stage.min(self.limits.max_bindings_per_bind_group);
        u64::from(bindings.saturating_sub(OTHER_BINDINGS)).min(MOST_WINDOWS)
    }

    /// Compiles what is not there yet of `modules`, on all cores.
    pub(super) fn compile(&self, modules: HashSet<Module>) -> Result<(), DeviceFailure> {
        let known = lock(&self.pipelines).keys().cloned().collect();
        let missing: Vec<&Module> = modules.difference(&known).collect();
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let share = missing.len().div_ceil(cores).max(1);
        std::thread::scope(|scope| {
            let compile = |part| move || part_of(part, |module| self.pipeline(module).map(drop));
            let threads: Vec<_> = missing.chunks(share).map(|part| scope.spawn(compile(part))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("compiling does not panic"))
        })
    }

    /// The pipeline of a module, compiled if it is not there.
    pub(super) fn pipeline(&self, module: &Module) -> Result<Arc<Pipeline>, DeviceFailure> {
        if let Some(pipeline) = lock(&self.pipelines).get(module) {
            return Ok(pipeline.clone());
        }
        let (pipeline, error) = self.catching(ErrorFilter::Validation, || self.compiled(module));
        self.check()?;
        if let Some(error) = error {
            return Err(DeviceFailure::Graphics { report: error.to_string() });
        }
        let pipeline = Arc::new(pipeline);
        lock(&self.pipelines).insert(module.clone(), pipeline.clone());
        Ok(pipeline)
    }

    fn compiled(&self, module: &Module) -> Pipeline {
        let descriptor =
            ShaderModuleDescriptor { label: LABEL, source: ShaderSource::Wgsl(module.text().into()) };
        // SAFETY: the kernels touch nothing but the values that the plan gave them, within the arena, and their loops end.
        let shader =
            unsafe { self.device.create_shader_module_trusted(descriptor, ShaderRuntimeChecks::unchecked()) };
        let memory = self.layout(&module.memory_bindings());
        let origin = self.layout(&ORIGIN_BINDINGS);
        let layouts = [Some(&memory), Some(&origin)];
        let layout = self.device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: LABEL,
            bind_group_layouts: &layouts[..if module.gathers { 2 } else { 1 }],
            immediate_size: 0,
        });
        let compute = self.device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: LABEL,
            layout: Some(&layout),
            module: &shader,
            entry_point: None,
            compilation_options: PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..PipelineCompilationOptions::default()
            },
            cache: None,
        });
        Pipeline { compute, memory }
    }

    pub(super) fn layout(&self, bindings: &[BufferBindingType]) -> BindGroupLayout {
        let entry = |(binding, &ty): (usize, &BufferBindingType)| BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let entries: Vec<BindGroupLayoutEntry> = bindings.iter().enumerate().map(entry).collect();
        self.device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: LABEL, entries: &entries })
    }
}

fn part_of(
    modules: &[&Module],
    work: impl Fn(&Module) -> Result<(), DeviceFailure>,
) -> Result<(), DeviceFailure> {
    modules.iter().try_for_each(|module| work(module))
}

/// Notes the first thing that goes wrong on a device, instead of the panic that wgpu has in mind.
fn watch(device: &Device, failure: &Arc<Mutex<Option<DeviceFailure>>>) {
    let note = |failure: Arc<Mutex<Option<DeviceFailure>>>| {
        move |report: String| {
            lock(&failure).get_or_insert(DeviceFailure::Graphics { report });
        }
    };
    let (note_lost, note_error) = (note(failure.clone()), note(failure.clone()));
    device.set_device_lost_callback(move |reason, text| {
        if reason != wgpu::DeviceLostReason::Destroyed {
            note_lost(format!("the device is lost: {}", one_line(&text)));
        }
    });
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note_error(one_line(&error.to_string()))));
}

/// A report of several lines as one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The APIs of this system.
fn here() -> &'static str {
    match () {
        () if cfg!(target_vendor = "apple") => "metal",
        () if cfg!(windows) => "vulkan or dx12",
        () => "vulkan",
    }
}

fn asked_for(limits: WgpuLimits, of_adapter: Limits) -> Limits {
    match limits {
        WgpuLimits::Adapter => of_adapter,
        WgpuLimits::Least => Limits::default(),
        WgpuLimits::Bindings(bytes) => Limits { max_storage_buffer_binding_size: bytes, ..of_adapter },
    }
}

/// Whether the kernels run within these limits.
fn enough(adapter: &Adapter, limits: &Limits) -> Result<(), WgpuUnavailable> {
    let needed = [
        ("threads in a workgroup", limits.max_compute_invocations_per_workgroup, 256),
        ("bytes of memory for a workgroup", limits.max_compute_workgroup_storage_size, 16 << 10),
        ("bindings", limits.max_storage_buffers_per_shader_stage, 8),
    ];
    let lacking = needed.into_iter().find(|(_, has, needed)| has < needed);
    lacking.map_or(Ok(()), |(what, has, needed)| {
        let lacking = format!("it has {has} {what}, and {needed} are needed");
        Err(WgpuUnavailable::TooLittle { name: adapter.name.clone(), lacking })
    })
}
