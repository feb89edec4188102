//! A GPU as a [`Runtime`]: one context, one stream to compute and one to copy beside it, and steps as captured graphs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::{CudaContext, CudaGraph, CudaStream, DriverError, result, sys};

use super::kernels::Kernels;
use super::memory::Pinned;
use super::upload::Uploads;
use super::{CudaUnavailable, Found, nvml, refused, words};
use crate::DriverMemory;
use crate::backend::cuda::runtime::{Address, Failure, Order, Refusal, Runtime, Shortage, Step};
use crate::plan::Data;

/// Most steps of a series, which is started at once, and most orders in it.
const SERIES_STEPS: usize = 16;
const SERIES_ORDERS: usize = 256;

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
    /// Everything but copies beside the computing is asked of this one, so it is done in the order of asking.
    stream: Arc<CudaStream>,
}

impl Driver {
    /// Opens a GPU: a context, the kernels in it, streams.
    pub(super) fn open(found: &Found) -> Result<Driver, CudaUnavailable> {
        let free_before = found.bus.as_deref().and_then(nvml::free);
        let context = CudaContext::new(found.index).map_err(|error| refused("open the GPU", error))?;
        // SAFETY: memory is handled here by address, and there is one stream for it.
        unsafe { context.disable_event_tracking() };
        let kernels = Kernels::new(&context, found).map_err(|error| refused("load the kernels", error))?;
        let stream = context.new_stream().map_err(|error| refused("make a stream", error))?;
        let uploads = Uploads::new(&stream).map_err(|error| refused("make a stream", error))?;
        let (free, total) = context.mem_get_info().map_err(|error| refused("tell its memory", error))?;
        let (free, total) = (free as u64, total as u64);
        Ok(Driver {
            shared: Arc::new(Shared { kernels, stream }),
            uploads: Mutex::new(uploads),
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
            let zeroed = result::memset_d8_async(address, 0, bytes, self.shared.stream.cu_stream());
            // No copy may come before the zeros.
            match zeroed.and_then(|()| self.uploads().fence(&self.shared.stream)) {
                Ok(()) => Ok(address),
                Err(error) => result::free_sync(address).and(Err(error)),
            }
        }
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver's answer where something was to be had of it.
    fn refusal(&self, action: &str, error: DriverError) -> Refusal {
        if error.0 != sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return Refusal::Failure(failure(action, error));
        }
        let (free, total) = self.context().mem_get_info().unwrap_or_default();
        Refusal::Shortage(Shortage { free: free as u64, total: total as u64 })
    }

    /// Records a step, so many times one after another, into a graph. The stream that records is one of its own: other
    /// threads may use the first.
    fn capture(
        &self,
        orders: &[Order],
        constants: &[Pinned],
        times: usize,
        chained: bool,
    ) -> Result<CudaGraph, DriverError> {
        // Loading allocates, which a recording does not allow.
        for order in orders {
            if let Order::Launch(launch) = order {
                self.shared.kernels.get(launch.function)?;
            }
        }
        let recorder = self.context().new_stream()?;
        recorder.begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)?;
        let recorded = self.record(&recorder, orders, constants, times, chained);
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
        times: usize,
        chained: bool,
    ) -> Result<(), DriverError> {
        let mut constants = constants.iter().cycle();
        let stream = recorder.cu_stream();
        let mut ahead = None;
        for order in (0..times).flat_map(|_| orders) {
            match order {
                Order::Launch(launch) => {
                    let early = chained && ahead.is_some_and(|ahead| self.shared.kernels.chain_to(ahead));
                    self.shared.kernels.launch(launch, recorder, early)?;
                }
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
            ahead = match order {
                Order::Launch(launch) => Some(launch),
                Order::Constant { .. } => None,
            };
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
        if bytes.is_empty() {
            return Ok(());
        }
        // SAFETY: the caller's contract.
        let copied = unsafe { self.uploads().copy(&self.shared.stream, to, bytes) };
        copied.map_err(|error| failure("copy to the GPU", error))
    }

    unsafe fn upload_beside(&self, to: Address, bytes: &[u8]) -> Result<(), Failure> {
        // SAFETY: the caller's contract.
        let copied = unsafe { self.uploads().copy_beside(&self.shared.stream, to, bytes) };
        copied.map_err(|error| failure("copy to the GPU", error))
    }

    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let stream = &self.shared.stream;
        let mut copy = || {
            stream.context().bind_to_thread()?;
            // SAFETY: the caller's contract; the bytes are borrowed until the copy is done.
            unsafe { result::memcpy_dtoh_async(bytes, from, stream.cu_stream())? };
            stream.synchronize()
        };
        copy().map_err(|error| failure("finish its work", error))
    }

    fn prepare(&self, orders: Vec<Order>, in_series: bool) -> Result<Box<dyn Step>, Refusal> {
        if orders.is_empty() {
            return Ok(Box::new(Nothing));
        }
        let length = (SERIES_ORDERS / orders.len()).min(SERIES_STEPS);
        let prepare = || {
            let constants = self.pin(&orders)?;
            let capture = |times| {
                let plain = |error: DriverError| match error.0 {
                    sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Err(error),
                    _ => self.capture(&orders, &constants, times, false), // a driver that chains nothing in graphs
                };
                self.capture(&orders, &constants, times, true).or_else(plain)
            };
            let one = capture(1)?;
            let series = match (in_series && length > 1).then(|| capture(length)) {
                None | Some(Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY))) => None, // one by one, then
                Some(series) => Some((length, series?)),
            };
            Ok(Graph { one, series, _constants: constants, shared: self.shared.clone() })
        };
        let graph = prepare().map_err(|error| self.refusal("capture a step", error))?;
        Ok(Box::new(graph))
    }

    fn memory(&self) -> Option<DriverMemory> {
        Driver::memory(self).ok()
    }
}

/// A step, captured, and so many of them in a series: what starts and ends a graph takes its time as well.
struct Graph {
    one: CudaGraph,
    series: Option<(usize, CudaGraph)>,
    /// What its copies read.
    _constants: Vec<Pinned>,
    shared: Arc<Shared>,
}

// SAFETY: a graph must not be used by two threads at a time, and is not: it is owned by one arena, and not `Sync`.
unsafe impl Send for Graph {}

impl Step for Graph {
    unsafe fn run(&self, times: usize) -> Result<(), Failure> {
        let stream = &self.shared.stream;
        let start = |graph: &CudaGraph| {
            // SAFETY: the graph lives, and the stream is of its context. What its kernels touch is the caller's contract.
            unsafe { result::graph::launch(graph.cu_graph_exec(), stream.cu_stream()) }
        };
        let run = || {
            stream.context().bind_to_thread()?;
            let mut single = times;
            if let Some((length, series)) = &self.series {
                (0..times / length).try_for_each(|_| start(series))?;
                single = times % length;
            }
            (0..single).try_for_each(|_| start(&self.one))
        };
        run().map_err(|error| failure("start a step", error))
    }
}

/// A step of no launch: arrays without an element.
struct Nothing;

impl Step for Nothing {
    unsafe fn run(&self, _: usize) -> Result<(), Failure> {
        Ok(())
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
