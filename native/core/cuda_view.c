/* What CUDA shows of a GPU's memory: cuMemGetInfo, cuDeviceTotalMem. */
#include "core/devices.h"
#include "core/driver.h"
#include "core/view.h"

/* Drivers take NULL for what is not asked for. */
CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
    CUresult result = DRIVER(cuMemGetInfo_v2)(free, total);
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_current_context() : NULL;
    if (gpu == NULL)
        return result;
    struct view view = view_of(gpu, free != NULL ? *free : UINT64_MAX, total != NULL ? *total : UINT64_MAX);
    if (total != NULL)
        *total = view.total;
    if (free != NULL)
        *free = view.free;
    return result;
}

CUresult cuDeviceTotalMem_v2(size_t *total, CUdevice device) {
    CUresult result = DRIVER(cuDeviceTotalMem_v2)(total, device);
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_device(device) : NULL;
    if (gpu != NULL)
        *total = view_of(gpu, UINT64_MAX, *total).total;
    return result;
}

/* The versions from before 64-bit sizes answer with what fits. */
static unsigned int clamp(uint64_t bytes) {
    return bytes < UINT32_MAX ? (unsigned int)bytes : UINT32_MAX;
}

CUresult cuMemGetInfo(unsigned int *free, unsigned int *total) {
    CUresult result = DRIVER(cuMemGetInfo)(free, total);
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_current_context() : NULL;
    if (gpu == NULL)
        return result;
    struct view view = view_of(gpu, free != NULL && *free < UINT32_MAX ? *free : UINT64_MAX, UINT64_MAX);
    if (total != NULL)
        *total = clamp(view.total);
    if (free != NULL)
        *free = clamp(view.free);
    return result;
}

CUresult cuDeviceTotalMem(unsigned int *total, CUdevice device) {
    CUresult result = DRIVER(cuDeviceTotalMem)(total, device);
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_device(device) : NULL;
    if (gpu != NULL)
        *total = clamp(view_of(gpu, UINT64_MAX, UINT64_MAX).total);
    return result;
}
