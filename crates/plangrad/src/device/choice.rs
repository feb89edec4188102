//! What can be chosen: a device, and the number format it computes in.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use plangrad_tensor::backend::{cuda, wgpu};
use plangrad_tensor::{Device, GraphicsApi, NumberTypes};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// The first GPU if it can be used, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CPU with memory of its own, into which datasets are copied: a stand-in for a GPU on any machine.
    Accelerator,
    /// An NVIDIA GPU, by its number.
    Cuda(usize),
    /// A GPU of any maker, by its number among those of the machine: NVIDIA's first, software never.
    Gpu(usize),
    /// An adapter of a graphics API, by its number; software too.
    Graphics(GraphicsApi, usize),
}

/// What can be written for a device.
const EXPECTED: &str =
    "expected auto, cpu, gpu, cuda, metal, vulkan or dx12, those with a number as in cuda:1, or accelerator";

impl DeviceChoice {
    /// The environment variable that decides where no option does.
    pub const VARIABLE: &str = "PLANGRAD_DEVICE";

    /// The device this means on this machine. A GPU that is named need not exist.
    #[must_use]
    pub fn device(self) -> Device {
        match self {
            DeviceChoice::Auto => gpus().first().copied().unwrap_or(Device::Cpu),
            DeviceChoice::Gpu(index) => gpus().get(index).copied().unwrap_or(Device::Cuda(index)),
            DeviceChoice::Graphics(api, index) => Device::Wgpu(api, index),
            DeviceChoice::Cpu => Device::Cpu,
            DeviceChoice::Accelerator => Device::Accelerator,
            DeviceChoice::Cuda(index) => Device::Cuda(index),
        }
    }

    /// The option if given, else the environment variable, else `auto`.
    ///
    /// # Errors
    /// If the environment variable does not name a device.
    pub fn resolve(option: Option<DeviceChoice>) -> Result<DeviceChoice> {
        let variable = std::env::var(Self::VARIABLE).ok().filter(|text| !text.is_empty());
        let of_environment = || variable.map_or(Ok(DeviceChoice::Auto), |text| text.parse());
        option.map_or_else(of_environment, Ok).map_err(|problem| Error::option(Self::VARIABLE, problem))
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceChoice::Auto => "auto",
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Accelerator => "accelerator",
            DeviceChoice::Cuda(index) => return write!(f, "cuda:{index}"),
            DeviceChoice::Gpu(index) => return write!(f, "gpu:{index}"),
            DeviceChoice::Graphics(api, index) => return write!(f, "{api}:{index}"),
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<DeviceChoice, String> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "accelerator" => Ok(DeviceChoice::Accelerator),
            _ => numbered(text).ok_or_else(|| format!("{EXPECTED}, found `{text}`")),
        }
    }
}

/// One of several devices: `name`, or `name:N`.
fn numbered(text: &str) -> Option<DeviceChoice> {
    let (name, index) =
        text.split_once(':').map_or((text, Some(0)), |(name, index)| (name, index.parse().ok()));
    let index = index?;
    let of_api = || GraphicsApi::ALL.into_iter().find(|api| api.name() == name);
    match name {
        "cuda" => Some(DeviceChoice::Cuda(index)),
        "gpu" => Some(DeviceChoice::Gpu(index)),
        // PyTorch's name for it: Metal Performance Shaders.
        "mps" => Some(DeviceChoice::Graphics(GraphicsApi::Metal, index)),
        _ => of_api().map(|api| DeviceChoice::Graphics(api, index)),
    }
}

/// NVIDIA's number on PCI.
const NVIDIA: u32 = 0x10DE;

/// The GPUs that can be used, in the order in which they are taken: through CUDA, then the others.
pub(super) fn gpus() -> Vec<Device> {
    let cuda: Vec<Device> = (0..).take_while(|&index| cuda::find(index).is_ok()).map(Device::Cuda).collect();
    let is_new = |adapter: &wgpu::Adapter| cuda.is_empty() || adapter.vendor != NVIDIA;
    let others = wgpu::gpus().unwrap_or_default().into_iter().filter(is_new).map(|adapter| adapter.device());
    cuda.iter().copied().chain(others).collect()
}

/// A device in a file or in JSON: by its name.
pub(crate) fn device_name<S: Serializer>(
    device: &Device,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(device)
}

/// The number format of a computation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// Single precision, about seven digits.
    #[default]
    #[value(help = None)]
    F32,
    /// f32, but the factors of large products have three digits: on GPUs with tensor cores.
    #[value(help = None)]
    Tf32,
    /// Activations, inputs and the factors of products in bfloat16; weights, moments, losses and sums in f32: on the CPU.
    #[value(help = None)]
    Bf16,
}

impl Precision {
    /// Whether this is f32, which configuration files leave out.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Precision::default()
    }

    /// What to say about it after a device's name: nothing about f32.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Precision::F32 => "",
            Precision::Tf32 => " in TF32",
            Precision::Bf16 => " in bf16",
        }
    }

    /// The number types of plans.
    #[must_use]
    pub fn number_types(self) -> NumberTypes {
        match self {
            Precision::F32 | Precision::Tf32 => NumberTypes::default(),
            Precision::Bf16 => NumberTypes::bf16(),
        }
    }

    /// Whether a device computes in it.
    pub(crate) fn is_for(self, device: Device) -> bool {
        match (self, device) {
            (Precision::F32, _) => true,
            (Precision::Tf32, device) => matches!(device, Device::Cuda(_)),
            (Precision::Bf16, device) => matches!(device, Device::Cpu | Device::Accelerator),
        }
    }

    /// The choice of a device for computing in it.
    ///
    /// # Errors
    /// [`Error::Option`] for a GPU that is named, if it does not compute in it.
    pub fn choice(self, choice: DeviceChoice) -> Result<DeviceChoice> {
        match (self, choice) {
            (Precision::Bf16, DeviceChoice::Cuda(_) | DeviceChoice::Gpu(_) | DeviceChoice::Graphics(..)) => {
                let problem =
                    "bf16 is not built for GPUs; use f32 there, on NVIDIA's also tf32, or --device cpu";
                Err(Error::option("--precision", problem))
            }
            (Precision::Bf16, DeviceChoice::Auto) => Ok(DeviceChoice::Cpu),
            (_, choice) => Ok(choice),
        }
    }
}
