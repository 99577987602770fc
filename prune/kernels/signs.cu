/* All CUDA kernels of the sign codes, one translation unit for one architecture.
 *
 * C++14 without any header: nvcc or NVRTC from 10.2 on, sm_53 and newer. Try it without a GPU:
 *   nvcc -std=c++14 -cubin -arch=sm_87 -Xptxas -v signs.cu
 */
#include "cuda_pairs.cuh"
#include "cuda_tensor.cuh"
