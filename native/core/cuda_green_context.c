/* Ends of contexts other than cuCtxDestroy: of a green one, and with the last reference to one. */
#include "core/compute.h"
#include "core/driver.h"
#include "core/memory.h"

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
