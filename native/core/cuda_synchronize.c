/* Waiting for streams, events and contexts: then the driver gives up what pools keep beyond their thresholds. Programs
 * that neither allocate nor look at their memory do it all the same, so what can wait is counted then. */
#include "core/backing.h"
#include "core/driver.h"
#include "core/overhead.h"
#include "core/stream_order.h"

static CUresult settled(CUresult result) {
    (void)stream_order_collect();
    backings_settle();
    overheads_refresh();
    return result;
}

CUresult cuStreamSynchronize(CUstream stream) {
    return settled(DRIVER(cuStreamSynchronize)(stream));
}

CUresult cuStreamSynchronize_ptsz(CUstream stream) {
    return settled(DRIVER(cuStreamSynchronize_ptsz)(stream));
}

CUresult cuEventSynchronize(CUevent event) {
    return settled(DRIVER(cuEventSynchronize)(event));
}

CUresult cuCtxSynchronize(void) {
    return settled(DRIVER(cuCtxSynchronize)());
}

CUresult cuCtxSynchronize_v2(CUcontext context) {
    return settled(DRIVER(cuCtxSynchronize_v2)(context));
}
