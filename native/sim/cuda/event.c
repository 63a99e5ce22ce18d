/* Events: instants at which the work was done that was in a stream when they were recorded. */
#include "sim/cuda/context.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/record.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

#define MARK 0x45564e54u /* what a live event's first word holds */

struct CUevent_st {
    uint32_t mark;
    unsigned flags;
    struct record *record; /* NULL: there is none */
};

static bool is_event(CUevent event) {
    return event != NULL && event->mark == MARK;
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags) {
    (void)flags;
    struct timeline *timeline;
    CUresult result = stream_timeline(stream, &timeline);
    if (result != CUDA_SUCCESS)
        return result;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    return event->record == NULL ? CUDA_SUCCESS : timeline_wait(timeline, event->record);
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
    *created = (struct CUevent_st){MARK, flags, NULL};
    *event = created;
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent event) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    event->mark = 0;
    record_release(event->record);
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
    event->record = record_renew(event->record, has_time(event));
    return event->record != NULL ? timeline_record(timeline, event->record) : CUDA_ERROR_OUT_OF_MEMORY;
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
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (!is_event(event))
        return CUDA_ERROR_INVALID_HANDLE;
    return event->record != NULL ? record_query(event->record) : CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent event) {
    CUresult result = cuEventQuery(event);
    if (result == CUDA_ERROR_NOT_READY)
        result = record_wait(event->record, (event->flags & CU_EVENT_BLOCKING_SYNC) == 0);
    if (result == CUDA_SUCCESS)
        pools_synchronize();
    return result;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (milliseconds == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (!is_event(start) || !is_event(end) || !has_time(start) || !has_time(end) || start->record == NULL ||
        end->record == NULL)
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = cuEventQuery(start);
    if (result == CUDA_SUCCESS)
        result = cuEventQuery(end);
    if (result != CUDA_SUCCESS)
        return result;
    uint64_t from = queue_instant(&start->record->instant), to = queue_instant(&end->record->instant);
    *milliseconds = (float)((double)(int64_t)(to - from) / 1e6);
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
    return cuEventElapsedTime(milliseconds, start, end);
}
