/* Green contexts, and the end of a context with the last reference to it. */
#include "core/context_end.h"
#include "core/devices.h"
#include "core/driver.h"
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

CUresult cuGreenCtxDestroy(CUgreenCtx context) {
    context_end_begin();
    return context_end(DRIVER(cuGreenCtxDestroy)(context), true);
}

/* Whether it was the last reference, the driver's answers about memory tell. */
CUresult cuCtxDetach(CUcontext context) {
    context_end_begin();
    return context_end(DRIVER(cuCtxDetach)(context), true);
}
