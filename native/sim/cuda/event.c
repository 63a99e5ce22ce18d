/* Events: instants at which the work was done that was in a stream when they were recorded. */
#include "sim/cuda/context.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/queue.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

#define MARK 0x45564e54u /* what a live event's first word holds */

struct CUevent_st {
    uint32_t mark;
    unsigned flags;
    struct instant instant;
};

static bool is_event(CUevent event) {
    return event != NULL && event->mark == MARK;
}

/* Each device has a queue of its own, so for another device's work the caller waits itself, as it would for a full
 * queue. */
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags) {
    (void)flags;
    struct timeline *timeline;
    CUresult result = stream_timeline(stream, &timeline);
    if (result != CUDA_SUCCESS)
        return result;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    const struct instant *instant = &event->instant;
    if (instant->device != timeline->context->device)
        return queue_wait(instant->device, instant->position, false);
    timeline_wait_for(timeline, instant->position);
    return CUDA_SUCCESS;
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
    *created = (struct CUevent_st){MARK, flags, {0}};
    *event = created;
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent event) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    event->mark = 0;
    queue_forget(&event->instant);
    free(event);
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event) {
    return cuEventDestroy_v2(event);
}

static bool has_time(CUevent event) {
    return (event->flags & CU_EVENT_DISABLE_TIMING) == 0;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
    struct timeline *timeline;
    CUresult result = stream_timeline(stream, &timeline);
    if (result != CUDA_SUCCESS)
        return result;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    queue_forget(&event->instant);
    return queue_note(&event->instant, timeline->context->device, timeline_position(timeline), has_time(event));
}

CUresult cuEventRecord_ptsz(CUevent event, CUstream stream) {
    return cuEventRecord(event, stream_or_own(stream));
}

/* The flags are about events in streams that are captured. */
CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags) {
    (void)flags;
    return cuEventRecord(event, stream);
}

CUresult cuEventRecordWithFlags_ptsz(CUevent event, CUstream stream, unsigned int flags) {
    return cuEventRecordWithFlags(event, stream_or_own(stream), flags);
}

/* An event that was never recorded counts as complete, as with the real driver. */
CUresult cuEventQuery(CUevent event) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    return queue_query(event->instant.device, event->instant.position);
}

CUresult cuEventSynchronize(CUevent event) {
    CUresult result = cuEventQuery(event);
    if (result == CUDA_ERROR_NOT_READY)
        result =
            queue_wait(event->instant.device, event->instant.position, (event->flags & CU_EVENT_BLOCKING_SYNC) == 0);
    if (result == CUDA_SUCCESS)
        pools_synchronize();
    return result;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (milliseconds == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (!is_event(start) || !is_event(end) || !has_time(start) || !has_time(end) || start->instant.asked == 0 ||
        end->instant.asked == 0)
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = cuEventQuery(start);
    if (result == CUDA_SUCCESS)
        result = cuEventQuery(end);
    if (result != CUDA_SUCCESS)
        return result;
    uint64_t from = queue_instant(&start->instant), to = queue_instant(&end->instant);
    *milliseconds = (float)((double)(int64_t)(to - from) / 1e6);
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
    return cuEventElapsedTime(milliseconds, start, end);
}
