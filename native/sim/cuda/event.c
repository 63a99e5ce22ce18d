/* Events by themselves; see event_order.c for what they do in streams. */
#include "sim/cuda/event.h"

#include "sim/cuda/context.h"
#include "sim/cuda/late.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

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
    *created = (struct CUevent_st){EVENT_MARK, flags, context_whole(context), NULL, NULL};
    *event = created;
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent event) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (!event_is(event))
        return CUDA_ERROR_INVALID_HANDLE;
    event->mark = 0;
    record_release(event->record);
    capture_release(event->capture);
    free(event);
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event) {
    return cuEventDestroy_v2(event);
}

/* As the process exits the real driver tears down what events are made of. Who looks at one after that gets
 * CUDA_ERROR_DEINITIALIZED, or crashes (https://github.com/rapidsai/rmm/issues/2366): here it always does. */
static void must_not_have_ended(void) {
    if (process_has_ended())
        abort();
}

/* An event that was never recorded counts as complete, as with the real driver. */
static CUresult query(CUevent event) {
    if (event->capture != NULL) {
        capture_invalidate(event->capture);
        return CUDA_ERROR_CAPTURED_EVENT;
    }
    return event->record != NULL ? record_query(event->record) : CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent event) {
    must_not_have_ended();
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (!event_is(event))
        return CUDA_ERROR_INVALID_HANDLE;
    result = capture_check_unsafe();
    return result != CUDA_SUCCESS ? result : query(event);
}

CUresult cuEventSynchronize(CUevent event) {
    CUresult result = cuEventQuery(event);
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY)
        return result;
    if (result == CUDA_ERROR_NOT_READY)
        record_wait(event->record, (event->flags & CU_EVENT_BLOCKING_SYNC) == 0);
    pools_synchronize();
    late_synchronize();
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    CUcontext context;
    must_not_have_ended();
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (milliseconds == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (!event_is(start) || !event_is(end) || start->context != end->context || !event_has_time(start) ||
        !event_has_time(end) || (start->record == NULL && start->capture == NULL) ||
        (end->record == NULL && end->capture == NULL))
        return CUDA_ERROR_INVALID_HANDLE;
    result = query(start);
    if (result == CUDA_SUCCESS)
        result = query(end);
    if (result != CUDA_SUCCESS)
        return result;
    uint64_t from = queue_instant(&start->record->instant), to = queue_instant(&end->record->instant);
    *milliseconds = (float)((double)(int64_t)(to - from) / 1e6);
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
    return cuEventElapsedTime(milliseconds, start, end);
}
