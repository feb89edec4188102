//! Identity of devices, and readings of their memory.

use std::fmt;

/// Which device. What it does is up to its [`Backend`](crate::backend::Backend).
///
/// Example: [`Backend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The host's processor.
    Cpu,
    /// The host's processor with its own memory, into which datasets are copied: a stand-in for a GPU on any machine.
    Accelerator,
    /// An NVIDIA GPU, by index.
    Cuda(usize),
    /// An adapter of a graphics API, by index.
    Wgpu(GraphicsApi, usize),
}

/// Through what an adapter is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GraphicsApi {
    /// Apple's, which PyTorch uses as `mps`.
    Metal,
    /// That of most systems.
    Vulkan,
    /// Windows's.
    Dx12,
}

impl GraphicsApi {
    /// All of them, in the order in which they are taken.
    pub const ALL: [GraphicsApi; 3] = [GraphicsApi::Metal, GraphicsApi::Vulkan, GraphicsApi::Dx12];

    /// Its name in options and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            GraphicsApi::Metal => "metal",
            GraphicsApi::Vulkan => "vulkan",
            GraphicsApi::Dx12 => "dx12",
        }
    }
}

impl fmt::Display for GraphicsApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Device {
    /// Whether it computes with the host's processor, in the host's memory.
    #[must_use]
    pub fn is_host(self) -> bool {
        matches!(self, Device::Cpu | Device::Accelerator)
    }

    /// Whether it has its own memory, into which samples are copied, rather than reading them where they were loaded.
    #[must_use]
    pub fn has_own_memory(self) -> bool {
        self != Device::Cpu
    }

    /// Whether a weight can be updated within the product that makes its gradient ([`crate::Gradients::Consumed`]).
    #[must_use]
    pub fn consumes_gradients(self) -> bool {
        self.is_host()
    }

    /// Whether a product can read the samples of a batch where the dataset has them ([`crate::Inputs::InPlace`]).
    #[must_use]
    pub fn reads_in_place(self) -> bool {
        self.is_host()
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Accelerator => f.write_str("accelerator"),
            Device::Cuda(index) => write!(f, "cuda:{index}"),
            Device::Wgpu(api, index) => write!(f, "{api}:{index}"),
        }
    }
}

/// Memory reserved through a backend, as its ledger has it.
///
/// Example: [`Backend`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryReading {
    /// Bytes reserved now.
    pub reserved: u64,
    /// Most bytes ever reserved at once.
    pub peak: u64,
    /// Bytes that may be reserved at once; `None` without a limit.
    pub budget: Option<u64>,
}

impl MemoryReading {
    /// Bytes that may still be reserved; `None` without a limit.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        self.budget.map(|budget| budget.saturating_sub(self.reserved))
    }
}

/// Memory of a device with a driver: what it says, for all processes together.
///
/// Example: [`Backend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverMemory {
    /// Bytes the device has.
    pub total: u64,
    /// Bytes available.
    pub free: u64,
    /// Bytes that were taken before this process came: other processes' and the driver's own. `None` where unknown.
    pub others: Option<u64>,
    /// Bytes that opening the device took: its context and the kernels. `None` where unknown.
    pub context: Option<u64>,
}
