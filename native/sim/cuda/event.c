/* Events. Work is done at once, so an event is the instant at which it was recorded. */
#include "sim/cuda/context.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

#include <stdlib.h>
#include <time.h>

#define MARK 0x45564e54u /* what a live event's first word holds */

struct CUevent_st {
    uint32_t mark;
    unsigned flags;
    uint64_t recorded; /* nanoseconds on the monotonic clock; 0: never */
};

static bool is_event(CUevent event) {
    return event != NULL && event->mark == MARK;
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags) {
    (void)flags;
    CUcontext context;
    CUresult result = stream_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    return is_event(event) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuStreamWaitEvent_ptsz(CUstream stream, CUevent event, unsigned int flags) {
    return cuStreamWaitEvent(stream_or_own(stream), event, flags);
}

CUresult cuEventCreate(CUevent *event, unsigned int flags) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (event == NULL || (flags & ~(CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING)) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUevent created = malloc(sizeof(*created));
    if (created == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *created = (struct CUevent_st){MARK, flags, 0};
    *event = created;
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent event) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    event->mark = 0;
    free(event);
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event) {
    return cuEventDestroy_v2(event);
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
    CUcontext context;
    CUresult result = stream_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    event->recorded = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return CUDA_SUCCESS;
}

CUresult cuEventRecord_ptsz(CUevent event, CUstream stream) {
    return cuEventRecord(event, stream_or_own(stream));
}

/* An event that was never recorded counts as complete, as with the real driver. */
CUresult cuEventQuery(CUevent event) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    return is_event(event) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventSynchronize(CUevent event) {
    CUresult result = cuEventQuery(event);
    if (result == CUDA_SUCCESS)
        pools_synchronize();
    return result;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (milliseconds == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (!is_event(start) || !is_event(end) || ((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) != 0 ||
        start->recorded == 0 || end->recorded == 0)
        return CUDA_ERROR_INVALID_HANDLE;
    *milliseconds = (float)((double)(int64_t)(end->recorded - start->recorded) / 1e6);
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
    return cuEventElapsedTime(milliseconds, start, end);
}
