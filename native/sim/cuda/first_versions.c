/* The entry points of CUDA 2 for device memory, whose addresses and sizes have 32 bits.
 *
 * No address here fits them, so they give and take the names of blocks instead.
 */
#include "sim/cuda/arena.h"
#include "sim/cuda/table.h"

static CUresult name(CUresult result, CUdeviceptr address, CUdeviceptr_v1 *pointer) {
    if (result == CUDA_SUCCESS)
        *pointer = arena_name(arena_find(address));
    return result;
}

CUresult cuMemAlloc(CUdeviceptr_v1 *pointer, unsigned int size) {
    CUdeviceptr address = 0;
    if (pointer == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = cuMemAlloc_v2(&address, size);
    return name(result, address, pointer);
}

CUresult cuMemAllocPitch(CUdeviceptr_v1 *pointer, unsigned int *pitch, unsigned int width, unsigned int height,
                         unsigned int element) {
    CUdeviceptr address = 0;
    size_t row = 0;
    if (pointer == NULL || pitch == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = cuMemAllocPitch_v2(&address, &row, width, height, element);
    if (result == CUDA_SUCCESS)
        *pitch = (unsigned int)row;
    return name(result, address, pointer);
}

CUresult cuMemFree(CUdeviceptr_v1 pointer) {
    return cuMemFree_v2(pointer);
}

/* What is too large for the answer is answered with what fits. */
static unsigned int clamp(size_t bytes) {
    return bytes < UINT32_MAX ? (unsigned int)bytes : UINT32_MAX;
}

CUresult cuMemGetInfo(unsigned int *free, unsigned int *total) {
    size_t all_free, all;
    CUresult result = cuMemGetInfo_v2(&all_free, &all);
    if (result != CUDA_SUCCESS)
        return result;
    if (free != NULL)
        *free = clamp(all_free);
    if (total != NULL)
        *total = clamp(all);
    return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(unsigned int *bytes, CUdevice device) {
    size_t all;
    CUresult result = bytes == NULL ? CUDA_ERROR_INVALID_VALUE : cuDeviceTotalMem_v2(&all, device);
    if (result == CUDA_SUCCESS)
        *bytes = clamp(all);
    return result;
}
