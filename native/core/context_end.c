/* The end of a context, with which the driver frees what was allocated in it. */
#include "core/context_end.h"

#include "core/compute.h"
#include "core/memory.h"
#include "core/stream_order.h"

void context_end_begin(void) {
    compute_drop_contexts();
    stream_order_contexts_ending();
}

CUresult context_end(CUresult result, bool ends) {
    stream_order_contexts_ended();
    if (ends && result != CUDA_ERROR_DEINITIALIZED)
        memory_forget_freed();
    return result;
}
