// The kernel for stages with large products in TF32, on GPUs whose tensor cores take it: compute capability 8.0 and up.

#include "stage.cuh"
#include "tensor_cores.cuh"

/// With all registers: a warp's part of a tile fills half of them.
extern "C" __global__ void __launch_bounds__(THREADS, 1) stage_tensor(PARAMETER(Items) items) {
    run_stage<TensorWork>(items);
}
