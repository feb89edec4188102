//! What only NVIDIA's management library knows: memory of a GPU before it is opened, and the driver's version.
//!
//! It comes with the driver. If it is missing or fails, as in some containers, only those figures are unknown.

use std::ffi::{CStr, CString, c_char, c_uint, c_void};
use std::sync::OnceLock;

use cudarc::driver::sys;
use libloading::Library;

type Handle = *mut c_void;

/// `nvmlMemory_t`.
#[repr(C)]
#[derive(Default)]
struct NvmlMemory {
    total: u64,
    free: u64,
    used: u64,
}

/// The library, loaded and initialised for good.
struct Nvml {
    version: unsafe extern "C" fn(text: *mut c_char, bytes: c_uint) -> c_uint,
    by_bus: unsafe extern "C" fn(bus: *const c_char, device: *mut Handle) -> c_uint,
    memory: unsafe extern "C" fn(device: Handle, memory: *mut NvmlMemory) -> c_uint,
}

impl Nvml {
    fn get() -> Option<&'static Nvml> {
        static NVML: OnceLock<Option<Nvml>> = OnceLock::new();
        NVML.get_or_init(Nvml::load).as_ref()
    }

    fn load() -> Option<Nvml> {
        // SAFETY: NVIDIA's library; loading it is sound in a process of any kind. The functions have these types in its
        // header, nvml.h, and the library is never unloaded.
        unsafe {
            let library = Box::leak(Box::new(Library::new("libnvidia-ml.so.1").ok()?));
            let start = *library.get::<unsafe extern "C" fn() -> c_uint>(b"nvmlInit_v2").ok()?;
            let nvml = Nvml {
                version: *library.get(b"nvmlSystemGetDriverVersion").ok()?,
                by_bus: *library.get(b"nvmlDeviceGetHandleByPciBusId_v2").ok()?,
                memory: *library.get(b"nvmlDeviceGetMemoryInfo").ok()?,
            };
            (start() == 0).then_some(nvml)
        }
    }
}

/// The driver's own version.
pub(super) fn driver_version() -> Option<String> {
    let nvml = Nvml::get()?;
    let mut text = [0; 80];
    // SAFETY: the buffer has the size given, and the library is initialised.
    let code = unsafe { (nvml.version)(text.as_mut_ptr(), text.len() as c_uint) };
    (code == 0).then(|| string(&text))
}

/// Bytes free on the GPU at this place of the bus.
pub(super) fn free(bus: &CStr) -> Option<u64> {
    let nvml = Nvml::get()?;
    let (mut device, mut memory) = (std::ptr::null_mut(), NvmlMemory::default());
    // SAFETY: the name ends with a zero byte; what is written to has the types of nvml.h.
    let code = unsafe {
        match (nvml.by_bus)(bus.as_ptr(), &mut device) {
            0 => (nvml.memory)(device, &mut memory),
            code => code,
        }
    };
    (code == 0).then_some(memory.free)
}

/// A GPU's place on the bus, by which both libraries know it.
pub(super) fn bus(device: sys::CUdevice) -> Option<CString> {
    let mut text = [0; 32];
    // SAFETY: the buffer has the size given, and the device comes from the driver.
    let answer = unsafe { sys::cuDeviceGetPCIBusId(text.as_mut_ptr(), text.len() as i32, device) };
    answer.result().ok()?;
    CString::new(string(&text)).ok()
}

/// The text before the first zero byte.
fn string(text: &[c_char]) -> String {
    let bytes: Vec<u8> = text.iter().take_while(|&&letter| letter != 0).map(|&letter| letter as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
