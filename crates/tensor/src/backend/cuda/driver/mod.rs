//! NVIDIA GPUs, through the driver that is found when the program runs.
//!
//! Nothing is linked: cudarc loads `libcuda.so.1` when it is first called, and panics if it is not there, so nothing of it
//! is called before [`probe`] has looked. The kernels travel in this binary as PTX, which the driver compiles for the GPU
//! (and keeps, in its own cache).
//!
//! Absent on purpose: NVIDIA's other libraries, and managed memory.

mod graph;
mod kernels;
mod memory;
mod nvml;
mod runtime;
mod upload;

use std::sync::Arc;

use cudarc::driver::{DriverError, result, sys};

use super::device::Cuda;
use super::{ComputeCapability, CudaOptions, CudaUnavailable, CudaVersion, Gpu, Precision};
use crate::backend::Backend;
use crate::ir::{Device, DriverMemory};
use runtime::Driver;

/// Memory that every budget leaves to the driver, at least: allocations are rounded up to 2 MiB, and kernels and captured
/// steps take some for themselves.
const LEFT_TO_THE_DRIVER: u64 = 32 << 20;
/// On large GPUs more, this part of all memory: there it is not missed.
const PART_LEFT_TO_THE_DRIVER: u64 = 512;

/// A GPU as a backend.
pub(super) fn open(options: CudaOptions) -> Result<Backend, CudaUnavailable> {
    let needed = match options.precision {
        Precision::F32 => ComputeCapability::NEEDED,
        Precision::Tf32 => ComputeCapability::TF32,
    };
    let driver = Driver::open(&probe()?.gpu(options.index, needed)?)?;
    let DriverMemory { free, total, .. } = driver.memory()?;
    let free = free.saturating_sub(LEFT_TO_THE_DRIVER.max(total / PART_LEFT_TO_THE_DRIVER));
    let budget = options.budget.map_or(free, |named| named.min(free));
    let device = Device::Cuda(options.index);
    Ok(Backend::new(Cuda::new(Arc::new(driver), device, Some(budget), options.precision)))
}

/// A GPU for tests that say themselves how work is cut on it: the first one, for TF32 too.
#[cfg(test)]
pub(super) fn runtime() -> Result<Arc<dyn super::runtime::Runtime>, CudaUnavailable> {
    Ok(Arc::new(Driver::open(&probe()?.gpu(0, ComputeCapability::TF32)?)?))
}

/// Whether a GPU can be used, without opening it.
pub(super) fn find(index: usize) -> Result<(), CudaUnavailable> {
    probe()?.gpu(index, ComputeCapability::NEEDED).map(drop)
}

/// All GPUs. Each is opened for a moment, as only that tells what using it takes.
pub(super) fn gpus() -> Result<Vec<Gpu>, CudaUnavailable> {
    let probed = probe()?;
    (0..probed.count).map(|index| describe(&probed, index)).collect()
}

fn describe(probed: &Probed, index: usize) -> Result<Gpu, CudaUnavailable> {
    let found = probed.device(index)?;
    let needed = ComputeCapability::NEEDED;
    let memory = probed.gpu(index, needed).and_then(|found| Driver::open(&found)?.memory());
    Ok(Gpu {
        index,
        name: found.name,
        total: found.total,
        compute_capability: found.compute_capability,
        driver_version: nvml::driver_version(),
        cuda_version: probed.version,
        memory,
    })
}

/// A driver that answers, and knows of at least one GPU.
struct Probed {
    version: CudaVersion,
    count: usize,
}

/// A GPU that has not been opened.
struct Found {
    index: usize,
    name: String,
    total: u64,
    compute_capability: ComputeCapability,
    multiprocessors: u32,
    bus: Option<std::ffi::CString>,
}

/// Looks for a driver, step by step, so that nothing is called that may not be there.
fn probe() -> Result<Probed, CudaUnavailable> {
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
    fn gpu(&self, index: usize, needed: ComputeCapability) -> Result<Found, CudaUnavailable> {
        let found = self.device(index)?;
        if found.compute_capability < needed {
            let Found { name, compute_capability, .. } = found;
            return Err(CudaUnavailable::GpuTooOld { index, name, found: compute_capability, needed });
        }
        Ok(found)
    }

    /// Any GPU.
    fn device(&self, index: usize) -> Result<Found, CudaUnavailable> {
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

/// The driver's answer as a reason.
fn refused(action: &'static str, error: DriverError) -> CudaUnavailable {
    if error.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE {
        return CudaUnavailable::NoDevice;
    }
    let (name, text) = words(error);
    CudaUnavailable::Driver { action, code: error.0 as u32, name, text }
}

/// A code's name, and what it says.
fn words(error: DriverError) -> (String, String) {
    let text = |words: Result<&std::ffi::CStr, DriverError>| {
        words.map_or_else(|_| "an unknown error".to_owned(), |text| text.to_string_lossy().into_owned())
    };
    (text(error.error_name()), text(error.error_string()))
}

#[cfg(test)]
mod tests {
    use super::kernels::text;
    use super::{ComputeCapability, CudaOptions, CudaVersion, open};
    use crate::backend::cuda::function::Function;
    use crate::backend::cuda::ptx;
    use crate::{Error, MemoryReport};

    /// NVIDIA's documentation of PTX lists which version came with which CUDA: 7.8 with 11.8.
    #[test]
    fn embedded_kernels_need_no_newer_driver_than_the_one_that_is_checked_for() {
        let version = format!(".version {}", CudaVersion::NEEDED.ptx());
        for function in Function::ALL {
            for oldest in [function.needed(), ComputeCapability::CHAINS] {
                let ptx = ptx::for_gpus_from(oldest, &text(function));
                let mut head = ptx.lines().filter(|line| line.starts_with('.'));
                assert_eq!(head.next(), Some(&*version));
                assert_eq!(head.next(), Some(&*ptx::target(oldest)));
                assert_eq!(head.next(), Some(".address_size 64"));
                assert!(ptx.contains(&format!(".entry {}(", function.name())), "{}", function.name());
                assert!(!ptx.contains('\0'));
            }
        }
    }

    /// A kernel launched early that touched memory before it has waited would read what is not yet written.
    #[test]
    fn kernels_wait_for_the_launch_ahead_before_they_touch_memory_and_only_where_gpus_can() {
        for function in Function::ALL {
            let chained = text(function);
            let code = &chained[chained.find(".entry ").unwrap()..];
            let wait = code.find("griddepcontrol.wait").unwrap();
            let next = code.find("griddepcontrol.launch_dependents").unwrap();
            assert!(wait < next && code.matches("griddepcontrol").count() == 2);
            for touch in ["ld.global", "st.global", "ld.shared", "st.shared", "cp.async", "bar.sync", "ret;"]
            {
                assert!(code.find(touch).is_none_or(|place| place > next), "{touch} comes before the wait");
            }
            assert!(!ptx::for_gpus_from(function.needed(), &chained).contains("griddepcontrol"));
        }
    }

    #[test]
    fn memory_that_the_driver_has_not_is_refused_and_the_gpu_stays_usable() {
        // Each may take all there is, so the second is refused by the driver and not by its budget.
        let open = || open(CudaOptions::default());
        let (Ok(first), Ok(second)) = (open(), open()) else {
            return eprintln!("SKIPPED: no GPU that can be used");
        };
        let report = MemoryReport::default();
        let most = first.memory().budget.unwrap() as usize / 4 * 3;
        let taken = first.reserve_memory(most, &report).unwrap();
        let refused = second.reserve_memory(most, &report).err().unwrap();
        let Error::OutOfMemory { requested, free, total, .. } = refused else { panic!("{refused}") };
        assert_eq!(requested, most as u64);
        assert!(free < requested && requested < total);
        assert_eq!((first.memory().reserved, second.memory().reserved), (most as u64, 0));
        drop(taken);
        let mut small = second.reserve_memory(1 << 20, &report).unwrap();
        let mut bytes = vec![1; 1 << 20];
        small.read(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|&byte| byte == 0), "memory is given zeroed");
        small.write(5, &[1, 2, 3]).unwrap();
        small.read(4, &mut bytes[..5]).unwrap();
        assert_eq!(bytes[..5], [0, 1, 2, 3, 0]);
    }
}
