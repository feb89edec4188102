//! The kernels without a GPU: compiled for the host's processor and run by fibers (`kernels/emulator/`).
//!
//! For tests, on machines with a C++ compiler; a training step takes a thousand times as long as on a GPU. Only the driver is
//! replaced: the kernels, their parameters, the launch layer and the memory ledger are those of a GPU.

mod compile;

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::device::Cuda;
use super::gpu::Precision;
use super::runtime::{NoMemory, PreparedStep, Refusal, Runtime};
use crate::backend::Backend;
use crate::backend::launch::orders::{Launch, Order};
use crate::backend::launch::shared::Address;
use crate::backend::launch::tile::Tile;
use crate::device::SystemMemory;
use crate::error::DeviceFailure;
use crate::ir::Device;
use crate::ir::kernel::ConstantData;

/// Runs the kernels on the host.
pub struct Emulator {
    library: &'static Library,
    order: u32,
    launches: AtomicU64,
}

/// Why there is no emulator on this machine, in one sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the kernels cannot be emulated: {0}")]
pub struct NoEmulator(String);

impl Emulator {
    /// An emulator that runs the threads of a block, and the blocks of a launch, in turn (`order` 0) or in an order shuffled
    /// by a seed. The kernels are compiled on the first call.
    ///
    /// # Errors
    /// If there is no C++ compiler, or it refuses.
    pub fn new(order: u32) -> Result<Arc<Emulator>, NoEmulator> {
        let library = Library::get().as_ref().map_err(NoEmulator::clone)?;
        Ok(Arc::new(Emulator { library, order, launches: AtomicU64::new(0) }))
    }

    /// A separate device that this emulator runs, with a budget in bytes if given.
    pub fn backend(self: &Arc<Self>, budget: Option<u64>) -> Backend {
        self.backend_with(budget, Precision::F32)
    }

    /// The same with a precision.
    pub fn backend_with(self: &Arc<Self>, budget: Option<u64>, precision: Precision) -> Backend {
        let memory = Arc::new(HostMemory { emulator: self.clone() });
        Backend::new(Cuda::new(memory, Device::Cuda(0), budget, precision))
    }

    /// Launches so far.
    pub fn launches(&self) -> u64 {
        self.launches.load(Ordering::Relaxed)
    }

    /// Runs one launch.
    ///
    /// # Safety
    /// All memory that its items name must be reserved.
    pub(crate) unsafe fn launch(&self, launch: &Launch) -> Result<(), DeviceFailure> {
        if launch.shared_bytes() > Tile::most_shared_bytes(launch.function()) {
            let report = format!("{} has less shared memory", launch.function().name());
            return Err(DeviceFailure::Emulator { report });
        }
        self.launches.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(launch.function().name()).expect("names hold no zero byte");
        let items = launch.items();
        let mut arguments = [ptr::from_ref(&*items).cast_mut().cast::<c_void>()];
        let mut error = [0; 512];
        // SAFETY: the kernels take this argument (their header is made from the struct), and the buffer has the size given.
        // The memory that the kernel accesses is the caller's contract.
        let ran = unsafe {
            (self.library.launch)(
                name.as_ptr(),
                launch.blocks(),
                Launch::THREADS,
                launch.shared_bytes(),
                arguments.as_mut_ptr(),
                self.order,
                error.as_mut_ptr(),
                error.len(),
            )
        };
        if ran {
            return Ok(());
        }
        // SAFETY: a launch that fails leaves a string that ends within the buffer.
        let report = unsafe { CStr::from_ptr(error.as_ptr()) }.to_string_lossy().into_owned();
        Err(DeviceFailure::Emulator { report })
    }
}

type LaunchFunction = unsafe extern "C" fn(
    name: *const c_char,
    blocks: u32,
    threads: u32,
    shared_bytes: u32,
    arguments: *mut *mut c_void,
    order: u32,
    error: *mut c_char,
    error_bytes: usize,
) -> bool;

/// The compiled kernels, loaded for good.
struct Library {
    launch: LaunchFunction,
}

impl Library {
    fn get() -> &'static Result<Library, NoEmulator> {
        static LIBRARY: OnceLock<Result<Library, NoEmulator>> = OnceLock::new();
        LIBRARY.get_or_init(|| Library::load().map_err(NoEmulator))
    }

    fn load() -> Result<Library, String> {
        let path = compile::library()?;
        let loading = |error: libloading::Error| format!("{}: {error}", path.display());
        // SAFETY: the library was compiled from this package's sources; loading it runs no code.
        let library = unsafe { libloading::Library::new(&path) }.map_err(loading)?;
        let library = Box::leak(Box::new(library));
        // SAFETY: the functions have these types in `kernels/emulator/scheduler.cpp`.
        unsafe { Ok(Library { launch: *library.get(b"plangrad_emulator_launch").map_err(loading)? }) }
    }
}

/// The emulator as a device: its memory is the host's.
struct HostMemory {
    emulator: Arc<Emulator>,
}

/// Of an allocation; none can be larger than the address space.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, 256).ok()
}

impl Runtime for HostMemory {
    fn allocate(&self, bytes: usize) -> Result<Address, Refusal> {
        let shortage = || {
            let system = SystemMemory::now();
            Refusal::NoMemory(NoMemory { free: system.free, total: system.total })
        };
        // SAFETY: an arena's allocation is never empty.
        let start = unsafe { alloc_zeroed(layout(bytes).ok_or_else(shortage)?) };
        if start.is_null() { Err(shortage()) } else { Ok(start as Address) }
    }

    unsafe fn release(&self, address: Address, bytes: usize) {
        let layout = layout(bytes).expect("it has been allocated");
        // SAFETY: the caller's contract: allocated above, with this size.
        unsafe { dealloc(address as *mut u8, layout) }
    }

    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure> {
        // SAFETY: the caller's contract; the host's bytes are not device memory.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        Ok(())
    }

    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceFailure> {
        // SAFETY: the caller's contract; the host's bytes are not device memory.
        unsafe { ptr::copy_nonoverlapping(from as *const u8, bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    unsafe fn upload_beside(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure> {
        // SAFETY: the caller's contract; everything queued before has finished.
        unsafe { self.upload(to, bytes) }
    }

    fn prepare(&self, orders: Vec<Order>, _: bool) -> Result<Box<dyn PreparedStep>, Refusal> {
        Ok(Box::new(Sequence { emulator: self.emulator.clone(), orders }))
    }
}

/// A step: its orders one after another.
struct Sequence {
    emulator: Arc<Emulator>,
    orders: Vec<Order>,
}

impl PreparedStep for Sequence {
    unsafe fn run(&self, times: usize) -> Result<(), DeviceFailure> {
        for order in (0..times).flat_map(|_| &self.orders) {
            match order {
                // SAFETY: the caller's contract.
                Order::Launch(launch) => unsafe { self.emulator.launch(launch)? },
                // SAFETY: the caller's contract: the value that the numbers are for is reserved.
                Order::Constant { to, data } => unsafe { write(*to, data) },
            }
        }
        Ok(())
    }
}

/// # Safety
/// There must be room for the numbers at `to`, on a multiple of 4 bytes.
unsafe fn write(to: Address, data: &ConstantData) {
    // SAFETY: this function's contract.
    unsafe {
        match data {
            ConstantData::F32(values) => {
                ptr::copy_nonoverlapping(values.as_ptr(), to as *mut f32, values.len());
            }
            ConstantData::U8(bytes) => ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()),
            ConstantData::Fill(value, elements) => {
                std::slice::from_raw_parts_mut(to as *mut f32, *elements).fill(*value);
            }
        }
    }
}
