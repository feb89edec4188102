// The kernel for stages with large products in TF32, on GPUs whose tensor cores take it: compute capability 8.0 and up.

#include "stage.cuh"
#include "tensor_cores.cuh"

struct TensorProducts {
    DEVICE static void run(const Gemm& p, Share share) {
        if (p.tile == TENSOR) {
            run_tiles<TensorTile, TensorTile>(p, share);
        } else {
            LargeProducts::run(p, share);
        }
    }
};

/// With all registers: a warp's part of a tile fills half of them.
extern "C" __global__ void __launch_bounds__(THREADS, 1) stage_tensor(PARAMETER(Items) items) {
    run_stage<TensorProducts>(items);
}
