/*
 * Device memory by address: cuMemAlloc, cuMemAllocPitch, cuMemAllocManaged, cuMemFree.
 *
 * It counts in whole granules: what many small allocations take is many times what was asked for.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/memory.h"
#include "core/numbers.h"

static CUresult remember(CUresult result, struct allocation allocation) {
    if (memory_keep(result, allocation))
        return result;
    DRIVER(cuMemFree_v2)(allocation.key);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult keep(CUresult result, CUdeviceptr address, struct gpu *gpu, uint64_t bytes) {
    return remember(result, (struct allocation){.key = address, .bytes = bytes, .gpu = gpu});
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    struct gpu *gpu = gpu_of_current_context();
    uint64_t whole = whole_granules(bytes);
    if (!gpu_reserve(gpu, whole))
        return refuse_in_current_context();
    CUresult result = DRIVER(cuMemAlloc_v2)(address, bytes);
    return keep(result, result == CUDA_SUCCESS ? *address : 0, gpu, whole);
}

CUresult cuMemAlloc(CUdeviceptr_v1 *address, unsigned int bytes) {
    struct gpu *gpu = gpu_of_current_context();
    uint64_t whole = whole_granules(bytes);
    if (!gpu_reserve(gpu, whole))
        return refuse_in_current_context();
    CUresult result = DRIVER(cuMemAlloc)(address, bytes);
    return keep(result, result == CUDA_SUCCESS ? *address : 0, gpu, whole);
}

CUresult cuMemAllocManaged(CUdeviceptr *address, size_t bytes, unsigned int flags) {
    struct gpu *gpu = gpu_of_current_context();
    uint64_t whole = whole_granules(bytes);
    if (!gpu_reserve(gpu, whole))
        return refuse_in_current_context();
    CUresult result = DRIVER(cuMemAllocManaged)(address, bytes, flags);
    CUdeviceptr key = result == CUDA_SUCCESS ? *address : 0;
    return remember(result, (struct allocation){.key = key, .bytes = whole, .gpu = gpu, .managed = true});
}

/* The driver alone knows the pitch, so only the rows' widths can be reserved before it is asked. What it added to them
 * must fit too: else the memory goes back. */
static CUresult keep_pitched(CUdeviceptr address, struct gpu *gpu, uint64_t reserved, uint64_t bytes) {
    uint64_t whole = whole_granules(bytes);
    if (gpu_reserve(gpu, less_or_0(whole, reserved)))
        return keep(CUDA_SUCCESS, address, gpu, whole);
    DRIVER(cuMemFree_v2)(address);
    return keep(CUDA_ERROR_OUT_OF_MEMORY, address, gpu, reserved);
}

CUresult cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height, unsigned int element) {
    struct gpu *gpu = gpu_of_current_context();
    uint64_t bytes;
    if (__builtin_mul_overflow(width, height, &bytes) || !gpu_reserve(gpu, bytes))
        return refuse_in_current_context();
    CUresult result = DRIVER(cuMemAllocPitch_v2)(address, pitch, width, height, element);
    if (result != CUDA_SUCCESS)
        return keep(result, 0, gpu, bytes);
    return keep_pitched(*address, gpu, bytes, *pitch * height);
}

CUresult cuMemAllocPitch(CUdeviceptr_v1 *address, unsigned int *pitch, unsigned int width, unsigned int height,
                         unsigned int element) {
    struct gpu *gpu = gpu_of_current_context();
    uint64_t bytes = (uint64_t)width * height;
    if (!gpu_reserve(gpu, bytes))
        return refuse_in_current_context();
    CUresult result = DRIVER(cuMemAllocPitch)(address, pitch, width, height, element);
    if (result != CUDA_SUCCESS)
        return keep(result, 0, gpu, bytes);
    return keep_pitched(*address, gpu, bytes, (uint64_t)*pitch * height);
}

CUresult cuMemFree_v2(CUdeviceptr address) {
    struct allocation allocation = memory_freeing(address);
    return memory_freed(allocation, DRIVER(cuMemFree_v2)(address));
}

CUresult cuMemFree(CUdeviceptr_v1 address) {
    struct allocation allocation = memory_freeing(address);
    return memory_freed(allocation, DRIVER(cuMemFree)(address));
}
