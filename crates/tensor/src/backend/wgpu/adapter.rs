//! What is known of an adapter before it is used, and how to open one.

use crate::ir::{Device, GraphicsApi};

/// A GPU, or a program that behaves like one, that a graphics API finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adapter {
    /// The API.
    pub api: GraphicsApi,
    /// Its number among the API's, from 0.
    pub index: usize,
    /// What its driver calls it.
    pub name: String,
    /// What it is.
    pub kind: AdapterKind,
    /// PCI's number of its maker: 0x10DE is NVIDIA.
    pub vendor: u32,
    /// Its driver, with the version, as the driver says it.
    pub driver: String,
    /// Bytes of the largest reservation it takes.
    pub largest_buffer: u64,
    /// Bytes that a kernel sees through one binding; more are bound in windows.
    pub largest_binding: u64,
    /// Whether its kernels could compute in f16.
    pub has_f16: bool,
    /// Threads that exchange numbers without memory: the fewest that a kernel may find.
    pub subgroup: u32,
}

impl Adapter {
    /// The device that it is.
    #[must_use]
    pub fn device(&self) -> Device {
        Device::Wgpu(self.api, self.index)
    }
}

/// What an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the system's memory, as Apple's do.
    Integrated,
    /// A GPU of which its driver does not say more.
    Other,
    /// A program on the CPU.
    Software,
}

impl AdapterKind {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AdapterKind::Discrete => "GPU with memory of its own",
            AdapterKind::Integrated => "GPU that shares the system's memory",
            AdapterKind::Other => "GPU",
            AdapterKind::Software => "software on the CPU",
        }
    }

    /// Whether its memory is the system's.
    #[must_use]
    pub fn shares_memory(self) -> bool {
        matches!(self, AdapterKind::Integrated | AdapterKind::Software)
    }
}

/// How to open an adapter.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct WgpuOptions {
    /// Bytes that may be reserved at once. No API says what is free; by default it is what the system has free where the memory
    /// is the system's, else no limit but the driver's refusal.
    pub budget: Option<u64>,
    /// What it is asked to be able to do.
    pub limits: WgpuLimits,
    /// Whether the driver checks every call, where its checks are installed.
    pub validation: bool,
}

impl WgpuOptions {
    /// The same with at most so many bytes reserved at once; `None` for the default.
    #[must_use]
    pub fn budget(self, bytes: impl Into<Option<u64>>) -> WgpuOptions {
        WgpuOptions { budget: bytes.into(), ..self }
    }

    /// The same with these limits.
    #[must_use]
    pub fn limits(self, limits: WgpuLimits) -> WgpuOptions {
        WgpuOptions { limits, ..self }
    }

    /// The same with the driver's checks.
    #[must_use]
    pub fn validation(self, validation: bool) -> WgpuOptions {
        WgpuOptions { validation, ..self }
    }
}

/// What an adapter is asked to be able to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WgpuLimits {
    /// All it can.
    #[default]
    Adapter,
    /// No more than every adapter has to: 8 bindings of 128 MiB, buffers of 256 MiB, 16 KiB for a workgroup. For tests.
    Least,
    /// All it can, but with bindings of so many bytes, which small arrays reach. For tests.
    Bindings(u64),
}
