//! A GPU as a [`Runtime`]: one context, one stream, and steps as captured graphs.

use std::ffi::{CString, c_void};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cudarc::driver::{CudaContext, CudaGraph, CudaStream, DriverError, result, sys};

use super::memory::Pinned;
use super::upload::Uploads;
use super::{CudaUnavailable, Found, MODULES, nvml, refused, words};
use crate::DriverMemory;
use crate::backend::cuda::runtime::{
    Address, Failure, Function, Launch, Order, Refusal, Runtime, Shortage, Step,
};
use crate::plan::Data;

/// Dynamic shared memory that a block may have without the driver being told beforehand.
const SHARED_BYTES: u32 = 48 << 10;

/// An open GPU.
pub(super) struct Driver {
    shared: Arc<Shared>,
    uploads: Mutex<Uploads>,
    /// Bytes that others, and the driver itself, had taken before it was opened.
    others: Option<u64>,
    /// Bytes that opening it took: context and kernels.
    context_bytes: Option<u64>,
}

/// What steps keep alive.
struct Shared {
    kernels: Kernels,
    /// Everything is asked of this one, so it is done in the order of asking.
    stream: Arc<CudaStream>,
}

impl Driver {
    /// Opens a GPU: a context, the kernels in it, a stream.
    pub(super) fn open(found: &Found) -> Result<Driver, CudaUnavailable> {
        let free_before = found.bus.as_deref().and_then(nvml::free);
        let context = CudaContext::new(found.index).map_err(|error| refused("open the GPU", error))?;
        // SAFETY: memory is handled here by address, and there is one stream for it.
        unsafe { context.disable_event_tracking() };
        let kernels = Kernels::new(&context).map_err(|error| refused("load the kernels", error))?;
        let stream = context.new_stream().map_err(|error| refused("make a stream", error))?;
        let (free, total) = context.mem_get_info().map_err(|error| refused("tell its memory", error))?;
        let (free, total) = (free as u64, total as u64);
        Ok(Driver {
            shared: Arc::new(Shared { kernels, stream }),
            uploads: Mutex::new(Uploads::new()),
            others: free_before.map(|before| total.saturating_sub(before)),
            context_bytes: free_before.map(|before| before.saturating_sub(free)),
        })
    }

    /// The GPU's memory now.
    pub(super) fn memory(&self) -> Result<DriverMemory, CudaUnavailable> {
        let (free, total) =
            self.context().mem_get_info().map_err(|error| refused("tell its memory", error))?;
        Ok(DriverMemory {
            total: total as u64,
            free: free as u64,
            others: self.others,
            context: self.context_bytes,
        })
    }

    fn context(&self) -> &Arc<CudaContext> {
        self.shared.stream.context()
    }

    /// Allocates and zeroes.
    fn take(&self, bytes: usize) -> Result<Address, DriverError> {
        self.context().bind_to_thread()?;
        // SAFETY: the context is bound; the bytes zeroed are those just given.
        unsafe {
            let address = result::malloc_sync(bytes.max(1))?;
            result::memset_d8_async(address, 0, bytes, self.shared.stream.cu_stream())?;
            Ok(address)
        }
    }

    /// The driver's answer where something was to be had of it.
    fn refusal(&self, action: &str, error: DriverError) -> Refusal {
        if error.0 != sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return Refusal::Failure(failure(action, error));
        }
        let (free, total) = self.context().mem_get_info().unwrap_or_default();
        Refusal::Shortage(Shortage { free: free as u64, total: total as u64 })
    }

    /// Records a step into a graph. The stream that records is one of its own: other threads may use the first.
    fn capture(&self, orders: &[Order], constants: &[Pinned]) -> Result<CudaGraph, DriverError> {
        // Loading allocates, which a recording does not allow.
        for order in orders {
            if let Order::Launch(launch) = order {
                self.shared.kernels.get(launch.function)?;
            }
        }
        let recorder = self.context().new_stream()?;
        recorder.begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)?;
        let recorded = self.record(&recorder, orders, constants);
        // The recording ends in any case, else the stream could not even be given back.
        let graph = recorder.end_capture(sys::CUgraphInstantiate_flags(0));
        recorded?;
        let graph = graph?.ok_or(DriverError(sys::CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED))?;
        graph.upload()?;
        recorder.synchronize()?;
        Ok(graph)
    }

    fn record(
        &self,
        recorder: &CudaStream,
        orders: &[Order],
        constants: &[Pinned],
    ) -> Result<(), DriverError> {
        let mut constants = constants.iter();
        let stream = recorder.cu_stream();
        for order in orders {
            match order {
                Order::Launch(launch) => self.shared.kernels.launch(launch, recorder)?,
                Order::Constant { to, data: Data::Fill(value, elements) } => {
                    // SAFETY: the plan has so many numbers there, and the graph runs only while they are reserved.
                    unsafe { sys::cuMemsetD32Async(*to, value.to_bits(), *elements, stream).result()? }
                }
                Order::Constant { to, .. } => {
                    let bytes = constants.next().map_or(&[][..], Pinned::bytes);
                    // SAFETY: as above; and the graph keeps the constants.
                    unsafe { result::memcpy_htod_async(*to, bytes, stream)? }
                }
            }
        }
        Ok(())
    }

    /// Numbers of the plan where the GPU can fetch them at every run.
    fn pin(&self, orders: &[Order]) -> Result<Vec<Pinned>, DriverError> {
        let bytes = orders.iter().filter_map(|order| match order {
            Order::Constant { data: Data::F32(values), .. } => Some(bytemuck::cast_slice::<f32, u8>(values)),
            Order::Constant { data: Data::U8(bytes), .. } => Some(bytes),
            _ => None,
        });
        let pin = |bytes: &[u8]| {
            let mut pinned = Pinned::new(self.context(), bytes.len())?;
            pinned.bytes_mut().copy_from_slice(bytes);
            Ok(pinned)
        };
        bytes.map(pin).collect()
    }
}

impl Runtime for Driver {
    fn allocate(&self, bytes: usize) -> Result<Address, Refusal> {
        self.take(bytes).map_err(|error| self.refusal("allocate", error))
    }

    unsafe fn release(&self, address: Address, _: usize) {
        let context = self.context();
        context.record_err(self.shared.stream.synchronize());
        // SAFETY: the caller's contract; nothing that was asked for is still running.
        context.record_err(unsafe { result::free_sync(address) });
    }

    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), Failure> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the caller's contract.
        let copied = unsafe { uploads.copy(&self.shared.stream, to, bytes) };
        copied.map_err(|error| failure("copy to the GPU", error))
    }

    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), Failure> {
        let stream = &self.shared.stream;
        let mut copy = || {
            stream.context().bind_to_thread()?;
            // SAFETY: the caller's contract; the bytes are borrowed until the copy is done.
            unsafe { result::memcpy_dtoh_async(bytes, from, stream.cu_stream())? };
            stream.synchronize()
        };
        copy().map_err(|error| failure("finish its work", error))
    }

    fn prepare(&self, orders: Vec<Order>) -> Result<Box<dyn Step>, Refusal> {
        let prepare = || {
            let constants = self.pin(&orders)?;
            let graph = self.capture(&orders, &constants)?;
            Ok(Graph { graph, _constants: constants, shared: self.shared.clone() })
        };
        let graph = prepare().map_err(|error| self.refusal("capture a step", error))?;
        Ok(Box::new(graph))
    }

    fn memory(&self) -> Option<DriverMemory> {
        Driver::memory(self).ok()
    }
}

/// The kernels of a context, each loaded when a step first needs it: the driver takes its time to compile one.
struct Kernels {
    loaded: [OnceLock<Loaded>; Function::ALL.len()],
    context: Arc<CudaContext>,
}

/// A kernel, and the module that it is in.
struct Loaded {
    module: sys::CUmodule,
    function: sys::CUfunction,
}

// SAFETY: handles of the driver, which may be used from any thread.
unsafe impl Send for Loaded {}
// SAFETY: as above; the driver locks what it must.
unsafe impl Sync for Loaded {}

impl Kernels {
    /// With the one that every plan needs.
    fn new(context: &Arc<CudaContext>) -> Result<Kernels, DriverError> {
        let kernels = Kernels { loaded: Default::default(), context: context.clone() };
        kernels.get(Function::Stage)?;
        Ok(kernels)
    }

    fn get(&self, function: Function) -> Result<sys::CUfunction, DriverError> {
        let place = &self.loaded[function as usize];
        if place.get().is_none() {
            let loaded = self.load(function)?;
            // Another thread may have been faster; its kernel is as good.
            place.set(loaded).unwrap_or_else(|loaded| self.unload(&loaded));
        }
        place.get().map(|loaded| loaded.function).ok_or(DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND))
    }

    /// Has the driver compile a kernel, or find it in its cache.
    fn load(&self, function: Function) -> Result<Loaded, DriverError> {
        self.context.bind_to_thread()?;
        let ptx = MODULES[function as usize];
        // SAFETY: the text ends with a zero byte, as PTX must.
        let module = unsafe { result::module::load_data(ptx.as_ptr().cast::<c_void>())? };
        let name = CString::new(function.name()).expect("names hold no zero byte");
        // SAFETY: the module was just loaded.
        let handle = unsafe { result::module::get_function(module, name)? };
        if function.most_shared_bytes() > SHARED_BYTES {
            let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            let bytes = function.most_shared_bytes() as i32;
            // SAFETY: the function is of the module.
            unsafe { result::function::set_function_attribute(handle, attribute, bytes)? };
        }
        Ok(Loaded { module, function: handle })
    }

    fn unload(&self, loaded: &Loaded) {
        self.context.record_err(self.context.bind_to_thread());
        // SAFETY: loaded above; steps hold the kernels as long as they may run.
        self.context.record_err(unsafe { result::module::unload(loaded.module) });
    }

    /// Asks `stream` for one launch, or records it there.
    fn launch(&self, launch: &Launch, stream: &CudaStream) -> Result<(), DriverError> {
        let mut arguments = [std::ptr::from_ref(&*launch.items).cast_mut().cast::<c_void>()];
        // SAFETY: the function takes one argument of this very layout (tested), which is copied by the call. What it
        // touches is the contract of whoever runs the step.
        unsafe {
            result::launch_kernel(
                self.get(launch.function)?,
                (launch.blocks, 1, 1),
                (Launch::THREADS, 1, 1),
                launch.shared_bytes,
                stream.cu_stream(),
                &mut arguments,
            )
        }
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        self.loaded.iter().filter_map(OnceLock::get).for_each(|loaded| self.unload(loaded));
    }
}

/// A step, captured.
struct Graph {
    graph: CudaGraph,
    /// What its copies read.
    _constants: Vec<Pinned>,
    shared: Arc<Shared>,
}

// SAFETY: a graph must not be used by two threads at a time, and is not: it is owned by one arena, and not `Sync`.
unsafe impl Send for Graph {}

impl Step for Graph {
    unsafe fn run(&self) -> Result<(), Failure> {
        let stream = &self.shared.stream;
        let run = || {
            stream.context().bind_to_thread()?;
            // SAFETY: the graph lives, and the stream is of its context. What its kernels touch is the caller's contract.
            unsafe { result::graph::launch(self.graph.cu_graph_exec(), stream.cu_stream()) }
        };
        run().map_err(|error| failure("start a step", error))
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // It may still be running, and reads the constants.
        self.shared.stream.context().record_err(self.shared.stream.synchronize());
    }
}

fn failure(action: &str, error: DriverError) -> Failure {
    let (name, text) = words(error);
    Failure(format!("NVIDIA's driver cannot {action}: {text} ({name}, {})", error.0 as u32))
}
