/* Device memory in stream order: cuMemAllocAsync, cuMemFreeAsync, for both kinds of default stream. */
#include "core/devices.h"
#include "core/driver.h"
#include "core/memory.h"

static CUresult allocate(cuMemAllocAsync_fn *driver, CUdeviceptr *address, size_t bytes, CUstream stream) {
    struct gpu *gpu = gpu_of_stream(stream);
    if (!gpu_reserve(gpu, bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = driver(address, bytes, stream);
    uint64_t key = result == CUDA_SUCCESS ? *address : 0;
    if (memory_keep(result, (struct allocation){.key = key, .bytes = bytes, .gpu = gpu}))
        return result;
    DRIVER(cuMemFreeAsync)(*address, stream);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult release(cuMemFreeAsync_fn *driver, CUdeviceptr address, CUstream stream) {
    struct allocation allocation = memory_freeing(address);
    return memory_freed(allocation, driver(address, stream));
}

CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, CUstream stream) {
    return allocate(DRIVER(cuMemAllocAsync), address, bytes, stream);
}

CUresult cuMemAllocAsync_ptsz(CUdeviceptr *address, size_t bytes, CUstream stream) {
    return allocate(DRIVER(cuMemAllocAsync_ptsz), address, bytes, stream);
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
    return release(DRIVER(cuMemFreeAsync), address, stream);
}

CUresult cuMemFreeAsync_ptsz(CUdeviceptr address, CUstream stream) {
    return release(DRIVER(cuMemFreeAsync_ptsz), address, stream);
}
