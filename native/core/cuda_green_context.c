/* Ends of contexts other than cuCtxDestroy: of a green one, and with the last reference to one. */
#include "core/driver.h"
#include "core/memory.h"

static CUresult ended(CUresult result) {
    if (result == CUDA_SUCCESS)
        memory_forget_freed();
    return result;
}

CUresult cuGreenCtxDestroy(CUgreenCtx context) {
    return ended(DRIVER(cuGreenCtxDestroy)(context));
}

/* Whether it was the last reference, the driver's answers about memory tell. */
CUresult cuCtxDetach(CUcontext context) {
    return ended(DRIVER(cuCtxDetach)(context));
}
