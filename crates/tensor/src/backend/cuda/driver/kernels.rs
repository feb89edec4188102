//! The kernels on a GPU: decompressing, loading and launching them.

use std::ffi::{CString, c_void};
use std::io::Read;
use std::sync::{Arc, OnceLock};

use cudarc::driver::{CudaContext, CudaStream, DriverError, result, sys};
use flate2::read::GzDecoder;

use super::probe::Found;
use crate::backend::cuda::ptx;
use crate::backend::cuda::unavailable::ComputeCapability;
use crate::backend::launch::function::Function;
use crate::backend::launch::orders::Launch;
use crate::backend::launch::tile::Tile;

/// A compressed file of `kernels/ptx/`.
macro_rules! compressed {
    ($name:literal) => {
        include_bytes!(concat!("../../../../kernels/ptx/", $name, ".ptx.gz"))
    };
}

/// The kernels' modules.
fn compressed(function: Function) -> &'static [u8] {
    match function {
        Function::Stage => compressed!("stage"),
        Function::StageLarge => compressed!("stage_large"),
        Function::StageTensor => compressed!("stage_tensor"),
    }
}

/// The text of a kernel's module, for GPUs from compute capability 9.0 on.
pub(super) fn text(function: Function) -> String {
    let mut text = String::new();
    GzDecoder::new(compressed(function))
        .read_to_string(&mut text)
        .expect("a committed file, which a test reads");
    text
}

/// Dynamic shared memory that a block may have without an attribute of its function.
const SHARED_BYTES: u32 = 48 << 10;

/// The kernels of a context, each loaded when a step first needs it, as the driver takes some time to compile one.
pub(super) struct Kernels {
    loaded: [OnceLock<LoadedKernel>; Function::ALL.len()],
    context: Arc<CudaContext>,
    /// Whether they wait on the GPU for the launch ahead of them, and so may begin before it has finished.
    chain: bool,
    /// Blocks that can certainly run at the same time, each on another multiprocessor.
    multiprocessors: u32,
}

/// A kernel, and the module that it is in.
struct LoadedKernel {
    module: sys::CUmodule,
    function: sys::CUfunction,
}

// SAFETY: handles of the driver, which may be used from any thread.
unsafe impl Send for LoadedKernel {}
// SAFETY: as above; the driver locks what it must.
unsafe impl Sync for LoadedKernel {}

impl Kernels {
    /// For the GPU of a context; loads the one that every plan needs.
    pub(super) fn new(context: &Arc<CudaContext>, found: &Found) -> Result<Kernels, DriverError> {
        let chain = found.compute_capability >= ComputeCapability::CHAINS;
        let multiprocessors = found.multiprocessors;
        let kernels =
            Kernels { loaded: Default::default(), context: context.clone(), chain, multiprocessors };
        kernels.get(Function::Stage)?;
        Ok(kernels)
    }

    /// A kernel, loaded if it has not been yet.
    pub(super) fn get(&self, function: Function) -> Result<sys::CUfunction, DriverError> {
        let place = &self.loaded[function as usize];
        if place.get().is_none() {
            let loaded = self.load(function)?;
            // Another thread may have been faster; its kernel is the same.
            place.set(loaded).unwrap_or_else(|loaded| self.unload(&loaded));
        }
        place.get().map(|loaded| loaded.function).ok_or(DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND))
    }

    /// Has the driver compile a kernel, or take it from its cache.
    fn load(&self, function: Function) -> Result<LoadedKernel, DriverError> {
        self.context.bind_to_thread()?;
        let oldest = if self.chain { ComputeCapability::CHAINS } else { function.needed() };
        let ptx = CString::new(ptx::for_gpus_from(oldest, &text(function))).expect("PTX holds no zero byte");
        // SAFETY: the text ends with a zero byte, as PTX must.
        let module = unsafe { result::module::load_data(ptx.as_ptr().cast::<c_void>())? };
        let name = CString::new(function.name()).expect("names hold no zero byte");
        // SAFETY: the module was just loaded.
        let handle = unsafe { result::module::get_function(module, name)? };
        use sys::CUfunction_attribute as Attribute;
        // SAFETY: the function is of the module.
        let set =
            |attribute, value| unsafe { result::function::set_function_attribute(handle, attribute, value) };
        let shared_bytes = Tile::most_shared_bytes(function);
        if shared_bytes > SHARED_BYTES {
            set(Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared_bytes as i32)?;
        }
        // The same for all, in percent: a multiprocessor must be idle to change it.
        set(Attribute::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 100)?;
        Ok(LoadedKernel { module, function: handle })
    }

    fn unload(&self, loaded: &LoadedKernel) {
        self.context.record_err(self.context.bind_to_thread());
        // SAFETY: loaded above; steps hold the kernels as long as they may run.
        self.context.record_err(unsafe { result::module::unload(loaded.module) });
    }

    /// Whether a launch may begin before `ahead` has finished. Behind one that fills the GPU its blocks would only take the
    /// first places that become free, however unevenly spread.
    pub(super) fn chain_to(&self, ahead: &Launch) -> bool {
        self.chain && ahead.blocks() <= self.multiprocessors
    }

    /// Queues one launch in `stream`, or records it there. It may begin `early`: before the last launch, for which it waits
    /// itself, has finished.
    pub(super) fn launch(
        &self,
        launch: &Launch,
        stream: &CudaStream,
        early: bool,
    ) -> Result<(), DriverError> {
        let mut attribute = sys::CUlaunchAttribute {
            id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
            pad: [0; 4],
            value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
        };
        let config = sys::CUlaunchConfig {
            gridDimX: launch.blocks(),
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: Launch::THREADS,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: launch.shared_bytes(),
            hStream: stream.cu_stream(),
            attrs: &raw mut attribute,
            numAttrs: u32::from(early),
        };
        let items = launch.items();
        let mut arguments = [std::ptr::from_ref(&*items).cast_mut().cast::<c_void>()];
        let function = self.get(launch.function())?;
        // SAFETY: the function takes one argument, of this layout (the kernels' header is made from the struct, and a test
        // compares it), which the call copies. The memory it accesses is the contract of `Step::run`.
        unsafe {
            sys::cuLaunchKernelEx(&raw const config, function, arguments.as_mut_ptr(), std::ptr::null_mut())
                .result()
        }
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        self.loaded.iter().filter_map(OnceLock::get).for_each(|loaded| self.unload(loaded));
    }
}
