/* Primary contexts: one per device, shared by everything in the process that retains it. */
#include "sim/cuda/context.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (context == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUcontext primary = context_primary(device);
    context_lock();
    if (!atomic_load(&primary->alive))
        result = context_establish(primary, device, primary->flags, 3020);
    if (result == CUDA_SUCCESS)
        primary->retained++;
    context_unlock();
    *context = result == CUDA_SUCCESS ? primary : NULL;
    return result;
}

/* Gives up one reference to the primary context, or all. */
static CUresult release_primary(CUdevice device, bool all) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    CUcontext primary = context_primary(device);
    if (atomic_load(&primary->alive))
        context_synchronize(primary);
    context_lock();
    if (!atomic_load(&primary->alive))
        result = all ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
    else if (all || --primary->retained == 0) {
        primary->retained = 0;
        context_demolish(primary);
    }
    context_unlock();
    return result;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    return release_primary(device, false);
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
    return release_primary(device, false);
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
    return release_primary(device, true);
}

CUresult cuDevicePrimaryCtxReset(CUdevice device) {
    return release_primary(device, true);
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags, int *active) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (flags == NULL || active == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = context_primary(device)->flags;
    *active = atomic_load(&context_primary(device)->alive);
    return CUDA_SUCCESS;
}

/* The _v2 may be called while the context is active (CUDA 11.0), the older one may not. */
CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned int flags) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if ((flags & ~CU_CTX_FLAGS_MASK) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    context_primary(device)->flags = flags;
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned int flags) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (atomic_load(&context_primary(device)->alive))
        return CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE;
    return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}
