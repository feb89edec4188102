// The kernels for any GPU.

#include "stage.cuh"

/// A stage of small and medium work, with registers for three blocks on a multiprocessor.
extern "C" __global__ void __launch_bounds__(THREADS, 3) stage(PARAMETER(Items) items) {
    run_stage<MediumProducts>(items);
}

/// A stage with large products in it: tall tiles need more registers.
extern "C" __global__ void __launch_bounds__(THREADS, 2) stage_large(PARAMETER(Items) items) {
    run_stage<LargeProducts>(items);
}
