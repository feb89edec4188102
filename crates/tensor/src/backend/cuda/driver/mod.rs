//! NVIDIA GPUs, through the driver that is found when the program runs.
//!
//! Nothing is linked: cudarc loads `libcuda.so.1` on its first call and panics if it is missing, so [`probe`] looks for it
//! before any other call. This binary contains the kernels as PTX, which the driver compiles for the GPU and caches.
//!
//! Absent on purpose: NVIDIA's other libraries, and managed memory.

mod error;
mod graph;
mod kernels;
mod memory;
mod nvml;
mod probe;
mod runtime;
mod upload;

use std::sync::Arc;

use super::device::Cuda;
use super::{ComputeCapability, CudaOptions, CudaUnavailable, Gpu, Precision};
use crate::backend::Backend;
use crate::ir::{Device, DriverMemory};
use probe::{Probed, probe};
use runtime::Driver;

/// Memory that every budget leaves to the driver, at least: allocations are rounded up to 2 MiB, and kernels and captured
/// steps need some.
const LEFT_TO_THE_DRIVER: u64 = 32 << 20;
/// On large GPUs more: this fraction of all memory.
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

/// The first GPU, for tests that choose how work is cut; for TF32 too.
#[cfg(test)]
pub(super) fn runtime() -> Result<Arc<dyn super::runtime::Runtime>, CudaUnavailable> {
    Ok(Arc::new(Driver::open(&probe()?.gpu(0, ComputeCapability::TF32)?)?))
}

/// Whether a GPU can be used, without opening it.
pub(super) fn find(index: usize) -> Result<(), CudaUnavailable> {
    probe()?.gpu(index, ComputeCapability::NEEDED).map(drop)
}

/// All GPUs. Each is opened briefly, as only that shows how much memory using it takes.
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

#[cfg(test)]
mod tests {
    use super::kernels::text;
    use super::open;
    use crate::backend::cuda::ptx;
    use crate::backend::cuda::{ComputeCapability, CudaOptions, CudaVersion};
    use crate::backend::launch::function::Function;
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
    fn the_gpu_stays_usable_after_it_is_out_of_memory() {
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
        assert!(bytes.iter().all(|&byte| byte == 0), "memory is zeroed");
        small.write(5, &[1, 2, 3]).unwrap();
        small.read(4, &mut bytes[..5]).unwrap();
        assert_eq!(bytes[..5], [0, 1, 2, 3, 0]);
    }
}
