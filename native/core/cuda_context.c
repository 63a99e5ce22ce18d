/* The end of a context, with which the driver frees what was allocated in it. */
#include "core/driver.h"
#include "core/memory.h"

static CUresult destroyed(CUresult result) {
    if (result == CUDA_SUCCESS)
        memory_forget_freed();
    return result;
}

/* A primary context ends with its last release, unless others in the process still hold it. */
static CUresult released(CUresult result, CUdevice device) {
    unsigned int flags;
    int active;
    if (result == CUDA_SUCCESS &&
        (DRIVER(cuDevicePrimaryCtxGetState)(device, &flags, &active) != CUDA_SUCCESS || !active))
        memory_forget_freed();
    return result;
}

CUresult cuCtxDestroy(CUcontext context) {
    return destroyed(DRIVER(cuCtxDestroy)(context));
}

CUresult cuCtxDestroy_v2(CUcontext context) {
    return destroyed(DRIVER(cuCtxDestroy_v2)(context));
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
    return released(DRIVER(cuDevicePrimaryCtxRelease)(device), device);
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    return released(DRIVER(cuDevicePrimaryCtxRelease_v2)(device), device);
}

CUresult cuDevicePrimaryCtxReset(CUdevice device) {
    return destroyed(DRIVER(cuDevicePrimaryCtxReset)(device));
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
    return destroyed(DRIVER(cuDevicePrimaryCtxReset_v2)(device));
}
