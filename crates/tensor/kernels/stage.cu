// The kernel for stages of small and medium work, on any GPU.

#include "stage.cuh"

/// With registers for three blocks on a multiprocessor.
extern "C" __global__ void __launch_bounds__(THREADS, 3) stage(PARAMETER(Items) items) {
    run_stage<MediumWork>(items);
}
