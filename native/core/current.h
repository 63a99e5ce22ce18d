/* Contexts: which one is current to the calling thread, and whether one is still there. */
#ifndef HAMI_CORE_CURRENT_H
#define HAMI_CORE_CURRENT_H

#include "core/driver.h"

/* Makes a context current, until context_leave. False, and then it need not be left, if it is none. It must not be a
 * green one: those are one thread's at a time. */
static inline bool context_enter(CUcontext context) {
    return DRIVER(cuCtxPushCurrent_v2)(context) == CUDA_SUCCESS;
}

static inline void context_leave(void) {
    CUcontext popped;
    DRIVER(cuCtxPopCurrent_v2)(&popped);
}

static inline bool context_is_alive(CUcontext context) {
    unsigned int version;
    return DRIVER(cuCtxGetApiVersion)(context, &version) == CUDA_SUCCESS;
}

#endif
