/*
 * A context's own memory, and its end, with which the driver frees what was allocated in it.
 *
 * How much a context takes, or a limit that is set, the driver alone knows. So it is made first, and undone if it does
 * not fit.
 */
#include "core/context_end.h"
#include "core/devices.h"
#include "core/driver.h"
#include "core/overhead.h"

static CUresult keep_created(CUresult result, CUcontext *context, CUdevice device) {
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_device(device) : NULL;
    if (overhead_fits(gpu))
        return result;
    DRIVER(cuCtxDestroy_v2)(*context);
    overhead_settle(gpu);
    *context = NULL;
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuCtxCreate(CUcontext *context, unsigned int flags, CUdevice device) {
    return keep_created(DRIVER(cuCtxCreate)(context, flags, device), context, device);
}

CUresult cuCtxCreate_v2(CUcontext *context, unsigned int flags, CUdevice device) {
    return keep_created(DRIVER(cuCtxCreate_v2)(context, flags, device), context, device);
}

CUresult cuCtxCreate_v3(CUcontext *context, CUexecAffinityParam *affinity, int count, unsigned int flags,
                        CUdevice device) {
    return keep_created(DRIVER(cuCtxCreate_v3)(context, affinity, count, flags, device), context, device);
}

CUresult cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *params, unsigned int flags, CUdevice device) {
    return keep_created(DRIVER(cuCtxCreate_v4)(context, params, flags, device), context, device);
}

static bool is_active(CUdevice device) {
    unsigned int flags;
    int active;
    return DRIVER(cuDevicePrimaryCtxGetState)(device, &flags, &active) == CUDA_SUCCESS && active;
}

/* One that is there already is counted, or will be with the first allocation. */
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    struct gpu *gpu = gpu_of_device(device);
    bool was_active = gpu != NULL && is_active(device);
    CUresult result = DRIVER(cuDevicePrimaryCtxRetain)(context, device);
    if (result != CUDA_SUCCESS || was_active || overhead_fits(gpu))
        return result;
    DRIVER(cuDevicePrimaryCtxRelease_v2)(device);
    overhead_settle(gpu);
    *context = NULL;
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
    size_t old;
    CUresult known = DRIVER(cuCtxGetLimit)(&old, limit);
    CUresult result = DRIVER(cuCtxSetLimit)(limit, value);
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_current_context() : NULL;
    if (overhead_fits(gpu))
        return result;
    if (known == CUDA_SUCCESS)
        DRIVER(cuCtxSetLimit)(limit, old);
    overhead_settle(gpu);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* A primary context ends with its last release, unless others in the process still hold it. */
static CUresult released(CUresult result, CUdevice device) {
    return context_end(result, !is_active(device));
}

CUresult cuCtxDestroy(CUcontext context) {
    context_end_begin();
    return context_end(DRIVER(cuCtxDestroy)(context), true);
}

CUresult cuCtxDestroy_v2(CUcontext context) {
    context_end_begin();
    return context_end(DRIVER(cuCtxDestroy_v2)(context), true);
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
    context_end_begin();
    return released(DRIVER(cuDevicePrimaryCtxRelease)(device), device);
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    context_end_begin();
    return released(DRIVER(cuDevicePrimaryCtxRelease_v2)(device), device);
}

CUresult cuDevicePrimaryCtxReset(CUdevice device) {
    context_end_begin();
    return context_end(DRIVER(cuDevicePrimaryCtxReset)(device), true);
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
    context_end_begin();
    return context_end(DRIVER(cuDevicePrimaryCtxReset_v2)(device), true);
}
