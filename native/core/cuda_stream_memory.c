/*
 * Device memory in stream order: cuMemAllocAsync, cuMemAllocFromPoolAsync, cuMemFreeAsync, for both kinds of default
 * stream. It comes from pools, and it is the pool that counts: what is freed stays its memory.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/memory.h"
#include "core/pools.h"

/* A call on a stream that is being captured becomes a node of a graph: it takes memory when that is launched. */
static bool is_captured(CUstream stream) {
    CUstreamCaptureStatus status;
    return DRIVER(cuStreamIsCapturing)(stream, &status) == CUDA_SUCCESS && status != CU_STREAM_CAPTURE_STATUS_NONE;
}

/* What does not fit is freed in the order of the stream: it may be memory that work in there, from before, still has,
 * and cuMemFree would give it to others at once. Nor may that be called while anyone captures a stream. */
static CUresult allocate_from(CUmemoryPool pool, CUdeviceptr *address, size_t bytes, CUstream stream) {
    struct backing *backing;
    uint64_t taken;
    CUresult result = pool_backing(pool, &backing);
    if (result != CUDA_SUCCESS)
        return result;
    if (backing == NULL || is_captured(stream))
        return DRIVER(cuMemAllocFromPoolAsync)(address, bytes, pool, stream);
    if (!backing_begin(backing, bytes, &taken))
        return CUDA_ERROR_OUT_OF_MEMORY;
    result = DRIVER(cuMemAllocFromPoolAsync)(address, bytes, pool, stream);
    if (backing_end(backing, taken))
        return result;
    if (result == CUDA_SUCCESS)
        DRIVER(cuMemFreeAsync)(*address, stream);
    backing_trim(backing);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* From the pool that is current to the stream's device. */
static CUresult allocate(CUdeviceptr *address, size_t bytes, CUstream stream) {
    CUdevice device;
    CUmemoryPool pool;
    if (!device_of_stream(stream, &device) || gpu_of_device(device) == NULL)
        return DRIVER(cuMemAllocAsync)(address, bytes, stream);
    CUresult result = DRIVER(cuDeviceGetMemPool)(&pool, device);
    return result != CUDA_SUCCESS ? result : allocate_from(pool, address, bytes, stream);
}

CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, CUstream stream) {
    return allocate(address, bytes, stream);
}

CUresult cuMemAllocAsync_ptsz(CUdeviceptr *address, size_t bytes, CUstream stream) {
    return allocate(address, bytes, or_own(stream));
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes, CUmemoryPool pool, CUstream stream) {
    return allocate_from(pool, address, bytes, stream);
}

CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *address, size_t bytes, CUmemoryPool pool, CUstream stream) {
    return allocate_from(pool, address, bytes, or_own(stream));
}

/* It may be memory of cuMemAlloc too, which counts by itself. */
static CUresult release(CUdeviceptr address, CUstream stream) {
    struct allocation allocation = memory_freeing(address);
    return memory_freed_in_order(allocation, stream, DRIVER(cuMemFreeAsync)(address, stream));
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
    return release(address, stream);
}

CUresult cuMemFreeAsync_ptsz(CUdeviceptr address, CUstream stream) {
    return release(address, or_own(stream));
}
