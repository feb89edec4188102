//! `plangrad devices`: the CPU, the GPUs and the memory of this machine.

use plangrad_tensor::SystemMemory;
use plangrad_tensor::backend::cpu::InstructionSet;
use plangrad_tensor::backend::cuda::{self, CudaUnavailable, Gpu};
use plangrad_tensor::backend::wgpu::{self, WgpuUnavailable};
use serde::Serialize;

use crate::device::{GpuMemory, default_budget_of};
use crate::error::Result;
use crate::language::text;
use crate::numbers::{grouped, grouped_bytes, size};
use crate::output::Console;

#[derive(Serialize)]
struct Object {
    cpu: Processor,
    gpus: Vec<Graphics>,
    cuda_unavailable_because: Option<String>,
    adapters: Vec<Adapter>,
    adapters_unavailable_because: Option<String>,
}

/// A GPU, or software like one, that a graphics API finds.
#[derive(Serialize)]
struct Adapter {
    device: String,
    name: String,
    kind: &'static str,
    driver: String,
    shares_memory: bool,
    largest_buffer: u64,
    largest_binding: u64,
    f16: bool,
    subgroup: u32,
}

impl From<wgpu::Adapter> for Adapter {
    fn from(adapter: wgpu::Adapter) -> Adapter {
        Adapter {
            device: adapter.device().to_string(),
            name: adapter.name,
            kind: adapter.kind.name(),
            driver: adapter.driver,
            shares_memory: adapter.kind.shares_memory(),
            largest_buffer: adapter.largest_buffer,
            largest_binding: adapter.largest_binding,
            f16: adapter.has_f16,
            subgroup: adapter.subgroup,
        }
    }
}

/// A GPU. Figures that need it to be opened are `null` if it cannot be used.
#[derive(Serialize)]
struct Graphics {
    index: usize,
    name: String,
    compute_capability: String,
    driver_version: Option<String>,
    cuda_version: String,
    total: u64,
    used: Option<u64>,
    free: Option<u64>,
    others: Option<u64>,
    context: Option<u64>,
    allocated: u64,
    reserved: u64,
    unusable_because: Option<String>,
}

impl From<Gpu> for Graphics {
    fn from(gpu: Gpu) -> Graphics {
        let memory = gpu.memory.as_ref().ok().map(|&driver| GpuMemory::new(driver, 0));
        Graphics {
            index: gpu.index,
            name: gpu.name,
            compute_capability: gpu.compute_capability.to_string(),
            driver_version: gpu.driver_version,
            cuda_version: gpu.cuda_version.to_string(),
            total: gpu.total,
            used: memory.map(|memory| memory.used),
            free: memory.map(|memory| memory.free),
            others: memory.and_then(|memory| memory.others),
            context: memory.and_then(|memory| memory.context),
            allocated: 0,
            reserved: memory.map_or(0, |memory| memory.reserved),
            unusable_because: gpu.memory.err().map(|reason| reason.to_string()),
        }
    }
}

#[derive(Serialize)]
struct Processor {
    cores: usize,
    features: Vec<&'static str>,
    memory_total: u64,
    memory_used: u64,
    memory_free: u64,
    memory_limit: Option<u64>,
    default_budget: u64,
}

pub(super) fn devices(console: &Console) -> Result<()> {
    let memory = SystemMemory::now();
    let SystemMemory { total, free, limit } = memory;
    let cpu = Processor {
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        features: InstructionSet::available().into_iter().map(InstructionSet::name).collect(),
        memory_total: total,
        // Of the limit if there is one, else of the machine.
        memory_used: limit.unwrap_or(total).saturating_sub(free),
        memory_free: free,
        memory_limit: limit,
        default_budget: default_budget_of(memory),
    };
    let (gpus, reason) = match cuda::gpus() {
        Ok(gpus) => (gpus.into_iter().map(Graphics::from).collect(), None),
        Err(reason) => (Vec::new(), Some(reason)),
    };
    let (adapters, no_adapters) = match wgpu::adapters() {
        Ok(adapters) => (adapters.into_iter().map(Adapter::from).collect(), None),
        Err(reason) => (Vec::new(), Some(reason)),
    };
    console.text(&text(&cpu))?;
    console.text(&text_of_gpus(&gpus, reason.as_ref()))?;
    console.text(&text_of_adapters(&adapters, no_adapters.as_ref()))?;
    let cuda_unavailable_because = reason.map(|reason| reason.to_string());
    let adapters_unavailable_because = no_adapters.map(|reason| reason.to_string());
    console.json(&Object { cpu, gpus, cuda_unavailable_because, adapters, adapters_unavailable_because })
}

fn text_of_adapters(adapters: &[Adapter], reason: Option<&WgpuUnavailable>) -> String {
    let adapters = adapters.iter().map(text_of_adapter);
    let none = reason.map(|reason| text!("adapters\n  none: {reason}", reason));
    adapters.chain(none).collect::<Vec<_>>().join("\n")
}

fn text_of_adapter(adapter: &Adapter) -> String {
    let f16 = if adapter.f16 { text!("with f16") } else { text!("without f16") };
    let memory = match adapter.shares_memory {
        true => text!("the system's"),
        false => text!("its own; what is free is not to be known"),
    };
    text!(
        "{device}\n  name      {name}\n  kind      {kind}, {f16}, {threads} threads in step\n  driver    {driver}\n  \
         memory    {memory}\n  buffer    at most {buffer}\n  binding   at most {binding}",
        device = adapter.device,
        name = adapter.name,
        kind = adapter.kind,
        f16,
        threads = adapter.subgroup,
        driver = adapter.driver,
        memory,
        buffer = in_full(adapter.largest_buffer),
        binding = in_full(adapter.largest_binding),
    )
}

fn text_of_gpus(gpus: &[Graphics], reason: Option<&CudaUnavailable>) -> String {
    let gpus = gpus.iter().map(text_of_gpu);
    gpus.chain(reason.map(|reason| text!("gpu\n  none: {reason}", reason))).collect::<Vec<_>>().join("\n")
}

fn text_of_gpu(gpu: &Graphics) -> String {
    let driver = gpu.driver_version.as_ref().map_or(String::new(), |version| format!("driver {version}, "));
    let mut lines = vec![
        format!("gpu {}", gpu.index),
        format!("  name      {}", gpu.name),
        format!("  compute   {} ({driver}CUDA {})", gpu.compute_capability, gpu.cuda_version),
        format!("  memory    {}", in_full(gpu.total)),
    ];
    let figures = [
        ("used", gpu.used),
        ("  others", gpu.others),
        ("  context", gpu.context),
        ("free", gpu.free),
        ("allocated", Some(gpu.allocated)),
        ("reserved", Some(gpu.reserved)),
    ];
    let figures = figures.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
    lines.extend(figures.map(|(name, bytes)| format!("  {name:<9} {}", in_full(bytes))));
    lines.extend(gpu.unusable_because.as_ref().map(|reason| format!("  unusable  {reason}")));
    lines.join("\n")
}

/// `3.20 GiB (3,435,973,837 bytes)`
fn in_full(bytes: u64) -> String {
    text!("{size} ({bytes} bytes)", size = size(bytes), bytes = grouped_bytes(bytes))
}

fn text(cpu: &Processor) -> String {
    let limit = match cpu.memory_limit {
        Some(limit) => text!("\n  limit     {limit}, set on this process", limit = in_full(limit)),
        None => String::new(),
    };
    text!(
        "cpu\n  cores     {cores}\n  vectors   {vectors}\n  memory    {memory}{limit}\n  used      {used}\n  free      {free}\n  \
         budget    {budget}, of a run that names none: a sixteenth is left to the system",
        cores = grouped(cpu.cores),
        vectors = cpu.features.join(", "),
        memory = in_full(cpu.memory_total),
        limit,
        used = in_full(cpu.memory_used),
        free = in_full(cpu.memory_free),
        budget = in_full(cpu.default_budget),
    )
}
