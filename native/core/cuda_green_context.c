/* Green contexts, and the end of a context with the last reference to it. */
#include "core/compute.h"
#include "core/devices.h"
#include "core/driver.h"
#include "core/memory.h"
#include "core/overhead.h"

/* How much it takes the driver alone knows, as of any context. */
CUresult cuGreenCtxCreate(CUgreenCtx *context, CUdevResourceDesc description, CUdevice device, unsigned int flags) {
    CUresult result = DRIVER(cuGreenCtxCreate)(context, description, device, flags);
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_device(device) : NULL;
    if (overhead_fits(gpu))
        return result;
    DRIVER(cuGreenCtxDestroy)(*context);
    overhead_settle(gpu);
    *context = NULL;
    return CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult ended(CUresult result) {
    if (result == CUDA_SUCCESS)
        memory_forget_freed();
    return result;
}

CUresult cuGreenCtxDestroy(CUgreenCtx context) {
    compute_drop_contexts();
    return ended(DRIVER(cuGreenCtxDestroy)(context));
}

/* Whether it was the last reference, the driver's answers about memory tell. */
CUresult cuCtxDetach(CUcontext context) {
    compute_drop_contexts();
    return ended(DRIVER(cuCtxDetach)(context));
}
