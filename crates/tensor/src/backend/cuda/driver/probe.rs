//! Looking for a driver and its GPUs, without opening one.

use std::ffi::CString;

use cudarc::driver::{DriverError, result, sys};

use super::error::refused;
use super::nvml;
use crate::backend::cuda::unavailable::{ComputeCapability, CudaUnavailable, CudaVersion};

/// A driver that works and has at least one GPU.
pub(super) struct Probed {
    pub(super) version: CudaVersion,
    pub(super) count: usize,
}

/// A GPU that has not been opened.
pub(super) struct Found {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) total: u64,
    pub(super) compute_capability: ComputeCapability,
    pub(super) multiprocessors: u32,
    pub(super) bus: Option<CString>,
}

/// Looks for a driver, step by step, so that no function is called that may be missing.
pub(super) fn probe() -> Result<Probed, CudaUnavailable> {
    // SAFETY: loading NVIDIA's driver runs its own initialisation, which is sound in a process of any kind.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaUnavailable::NoDriverLibrary);
    }
    for missing in ["cuInit", "cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString"] {
        // SAFETY: the library is there; the symbol is only looked for, not called.
        let found = unsafe { sys::culib().get::<unsafe extern "C" fn()>(missing.as_bytes()).is_ok() };
        if !found {
            return Err(CudaUnavailable::NotADriver { missing });
        }
    }
    let mut number = 0;
    // SAFETY: the function is there, and writes one number; it may be called before `cuInit`.
    unsafe { sys::cuDriverGetVersion(&mut number) }
        .result()
        .map_err(|error| refused("tell its version", error))?;
    let version = CudaVersion::of(number);
    if version < CudaVersion::NEEDED {
        return Err(CudaUnavailable::DriverTooOld { found: version, needed: CudaVersion::NEEDED });
    }
    result::init().map_err(|error| refused("start", error))?;
    let count = result::device::get_count().map_err(|error| refused("count GPUs", error))?;
    match usize::try_from(count) {
        Ok(count) if count > 0 => Ok(Probed { version, count }),
        _ => Err(CudaUnavailable::NoDevice),
    }
}

impl Probed {
    /// A GPU, if it is not too old.
    pub(super) fn gpu(&self, index: usize, needed: ComputeCapability) -> Result<Found, CudaUnavailable> {
        let found = self.device(index)?;
        if found.compute_capability < needed {
            let Found { name, compute_capability, .. } = found;
            return Err(CudaUnavailable::GpuTooOld { index, name, found: compute_capability, needed });
        }
        Ok(found)
    }

    /// Any GPU.
    pub(super) fn device(&self, index: usize) -> Result<Found, CudaUnavailable> {
        use sys::CUdevice_attribute as Attribute;
        let no_such = CudaUnavailable::NoSuchDevice { index, count: self.count };
        let number = i32::try_from(index).ok().filter(|_| index < self.count).ok_or(no_such)?;
        let describe = || -> Result<Found, DriverError> {
            let device = result::device::get(number)?;
            // SAFETY: the device comes from the driver.
            let attribute = |which| unsafe { result::device::get_attribute(device, which) };
            let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
            let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
            let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
            let [major, minor, multiprocessors] =
                [major, minor, multiprocessors].map(|n| u32::try_from(n).unwrap_or(0));
            Ok(Found {
                index,
                name: result::device::get_name(device)?,
                // SAFETY: as above.
                total: unsafe { result::device::total_mem(device)? } as u64,
                compute_capability: ComputeCapability { major, minor },
                multiprocessors,
                bus: nvml::bus(device),
            })
        };
        describe().map_err(|error| refused("describe a GPU", error))
    }
}
