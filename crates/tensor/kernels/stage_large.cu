// The kernel for stages with large products in them, on any GPU: tall tiles need more registers.

#include "stage.cuh"

/// With registers for two blocks on a multiprocessor.
extern "C" __global__ void __launch_bounds__(THREADS, 2) stage_large(PARAMETER(Items) items) {
    run_stage<LargeWork>(items);
}
