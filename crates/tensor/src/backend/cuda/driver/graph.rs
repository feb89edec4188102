//! Steps as captured graphs, and steps in series.

use std::sync::Arc;

use cudarc::driver::{CudaGraph, CudaStream, DriverError, result, sys};

use super::error::failure;
use super::kernels::Kernels;
use super::memory::Pinned;
use crate::backend::cuda::runtime::PreparedStep;
use crate::backend::launch::orders::Order;
use crate::error::DeviceFailure;
use crate::ir::kernel::ConstantData;

/// Most steps of a series, which is launched at once, and most orders in it.
const SERIES_STEPS: usize = 16;
const SERIES_ORDERS: usize = 256;

const OUT_OF_MEMORY: DriverError = DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY);

/// What steps keep alive.
pub(super) struct Shared {
    pub(super) kernels: Kernels,
    /// Everything except copies beside computing is queued here, and so executed in order.
    pub(super) stream: Arc<CudaStream>,
}

/// A captured step, and a series of it: starting a graph takes some time as well.
pub(super) struct CapturedStep {
    one: CudaGraph,
    series: Option<(usize, CudaGraph)>,
    /// Numbers that its copies read.
    _constants: Vec<Pinned>,
    shared: Arc<Shared>,
}

// SAFETY: a graph must not be used by two threads at a time. It is owned by one arena and is not `Sync`.
unsafe impl Send for CapturedStep {}

impl CapturedStep {
    /// Of these orders; with a series of them if `in_series` and there is memory for it.
    pub(super) fn of(
        shared: &Arc<Shared>,
        orders: &[Order],
        in_series: bool,
    ) -> Result<CapturedStep, DriverError> {
        let constants = pin(shared, orders)?;
        let recording = Recording { shared, orders, constants: &constants };
        let one = recording.capture(1)?;
        let length = (SERIES_ORDERS / orders.len().max(1)).min(SERIES_STEPS);
        let series = match (in_series && length > 1).then(|| recording.capture(length)) {
            None | Some(Err(OUT_OF_MEMORY)) => None,
            Some(series) => Some((length, series?)),
        };
        Ok(CapturedStep { one, series, _constants: constants, shared: shared.clone() })
    }

    fn start(&self, graph: &CudaGraph) -> Result<(), DriverError> {
        // SAFETY: the graph exists and the stream is of its context. What its kernels access is the contract of `run`.
        unsafe { result::graph::launch(graph.cu_graph_exec(), self.shared.stream.cu_stream()) }
    }
}

impl PreparedStep for CapturedStep {
    unsafe fn run(&self, times: usize) -> Result<(), DeviceFailure> {
        let run = || {
            self.shared.stream.context().bind_to_thread()?;
            let mut left = times;
            if let Some((length, series)) = &self.series {
                (0..left / length).try_for_each(|_| self.start(series))?;
                left %= length;
            }
            (0..left).try_for_each(|_| self.start(&self.one))
        };
        run().map_err(|error| failure("start a step", error))
    }
}

impl Drop for CapturedStep {
    fn drop(&mut self) {
        // It may still be running and reading the constants.
        self.shared.stream.context().record_err(self.shared.stream.synchronize());
    }
}

/// A step without orders, as with empty arrays.
pub(super) struct Nothing;

impl PreparedStep for Nothing {
    unsafe fn run(&self, _: usize) -> Result<(), DeviceFailure> {
        Ok(())
    }
}

/// Numbers of the plan in memory from which the GPU can read them at every run.
fn pin(shared: &Shared, orders: &[Order]) -> Result<Vec<Pinned>, DriverError> {
    let bytes = orders.iter().filter_map(|order| match order {
        Order::Constant { data: ConstantData::F32(values), .. } => {
            Some(bytemuck::cast_slice::<f32, u8>(values))
        }
        Order::Constant { data: ConstantData::U8(bytes), .. } => Some(bytes),
        _ => None,
    });
    let pin = |bytes: &[u8]| {
        let mut pinned = Pinned::new(shared.stream.context(), bytes.len())?;
        pinned.bytes_mut().copy_from_slice(bytes);
        Ok(pinned)
    };
    bytes.map(pin).collect()
}

/// What is to be recorded.
struct Recording<'a> {
    shared: &'a Shared,
    orders: &'a [Order],
    constants: &'a [Pinned],
}

impl Recording<'_> {
    /// `times` steps in a row as a graph, with launches that begin early, or without if the driver cannot record those.
    fn capture(&self, times: usize) -> Result<CudaGraph, DriverError> {
        self.capture_chained(times, true).or_else(|error| match error {
            OUT_OF_MEMORY => Err(error),
            _ => self.capture_chained(times, false).map_err(|_| error),
        })
    }

    /// Records with a separate stream, as other threads may use the first.
    fn capture_chained(&self, times: usize, chained: bool) -> Result<CudaGraph, DriverError> {
        // Loading allocates, which is not allowed while recording.
        for order in self.orders {
            if let Order::Launch(launch) = order {
                self.shared.kernels.get(launch.function())?;
            }
        }
        let recorder = self.shared.stream.context().new_stream()?;
        recorder.begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)?;
        let recorded = self.record(&recorder, times, chained);
        // The recording must end in any case, or the stream could not be released.
        let graph = recorder.end_capture(sys::CUgraphInstantiate_flags(0));
        recorded?;
        let graph = graph?.ok_or(DriverError(sys::CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED))?;
        graph.upload()?;
        recorder.synchronize()?;
        Ok(graph)
    }

    fn record(&self, recorder: &CudaStream, times: usize, chained: bool) -> Result<(), DriverError> {
        let mut constants = self.constants.iter().cycle();
        let stream = recorder.cu_stream();
        let mut ahead = None;
        for order in (0..times).flat_map(|_| self.orders) {
            match order {
                Order::Launch(launch) => {
                    let early = chained && ahead.is_some_and(|ahead| self.shared.kernels.chain_to(ahead));
                    self.shared.kernels.launch(launch, recorder, early)?;
                }
                Order::Constant { to, data: ConstantData::Fill(value, elements) } => {
                    // SAFETY: the plan has this many numbers there, and the graph runs only while they are reserved.
                    unsafe { sys::cuMemsetD32Async(*to, value.to_bits(), *elements, stream).result()? }
                }
                Order::Constant { to, .. } => {
                    let bytes = constants.next().map_or(&[][..], Pinned::bytes);
                    // SAFETY: as above, and the graph keeps the constants.
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
}
