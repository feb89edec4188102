//! `plangrad devices`: what this machine has to compute with.

use plangrad_tensor::SystemMemory;
use plangrad_tensor::backend::cpu::InstructionSet;
use serde::Serialize;

use crate::device::{CUDA_UNAVAILABLE_BECAUSE, default_budget_of};
use crate::output::{counted, grouped_bytes, size};
use crate::{Console, Result};

#[derive(Serialize)]
struct Object {
    cpu: Processor,
    /// None can be used by this build.
    gpus: [(); 0],
    cuda_unavailable_because: &'static str,
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
        // Against the limit there is less than the machine has, and what is not free is used.
        memory_used: limit.unwrap_or(total).saturating_sub(free),
        memory_free: free,
        memory_limit: limit,
        default_budget: default_budget_of(memory),
    };
    console.text(&text(&cpu))?;
    console.json(&Object { cpu, gpus: [], cuda_unavailable_because: CUDA_UNAVAILABLE_BECAUSE })
}

fn text(cpu: &Processor) -> String {
    let bytes = |bytes: u64| format!("{} ({} bytes)", size(bytes), grouped_bytes(bytes));
    let limit = match cpu.memory_limit {
        Some(limit) => format!("\n  limit     {}, set on this process", bytes(limit)),
        None => String::new(),
    };
    format!(
        "cpu\n  cores     {}\n  vectors   {}\n  memory    {}{limit}\n  used      {}\n  free      {}\n  budget    {}, of a run \
         that names none: a sixteenth is left to the system\ngpu\n  none: {CUDA_UNAVAILABLE_BECAUSE}",
        counted(cpu.cores, "core").split(' ').next().unwrap_or_default(),
        cpu.features.join(", "),
        bytes(cpu.memory_total),
        bytes(cpu.memory_used),
        bytes(cpu.memory_free),
        bytes(cpu.default_budget),
    )
}
