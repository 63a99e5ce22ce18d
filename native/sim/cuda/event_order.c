/* Events in the order of streams: recorded, and waited for. In a stream that is captured both only say which streams
 * belong to the capture, for its nodes run in the order in which they come.
 */
#include "sim/cuda/context.h"
#include "sim/cuda/event.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

static void set_capture(CUevent event, struct capture *capture) {
    if (capture != NULL)
        capture_keep(capture);
    capture_release(event->capture);
    event->capture = capture;
}

static CUresult record(CUevent event, CUstream stream) {
    struct timeline *timeline;
    CUcontext context;
    CUresult result = stream_owner(stream, &context);
    if (result == CUDA_SUCCESS && context_whole(context) != event->context)
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result != CUDA_SUCCESS)
        return result;
    result = stream_timeline(stream, &timeline);
    if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) {
        struct capture *capture;
        result = stream_capture(stream, &capture);
        if (result == CUDA_SUCCESS)
            set_capture(event, capture);
        return result;
    }
    if (result != CUDA_SUCCESS)
        return result;
    set_capture(event, NULL);
    event->record = record_renew(event->record, event_has_time(event));
    return event->record != NULL ? timeline_record(timeline, event->record) : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
    return event_is(event) ? record(event, stream) : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventRecord_ptsz(CUevent event, CUstream stream) {
    return cuEventRecord(event, stream_or_own(stream));
}

/* A node that records an event each time a graph is launched is not simulated. */
CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags) {
    return flags == 0 ? cuEventRecord(event, stream) : CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuEventRecordWithFlags_ptsz(CUevent event, CUstream stream, unsigned int flags) {
    return cuEventRecordWithFlags(event, stream_or_own(stream), flags);
}

/* Of an event of a capture that goes on: the stream comes into the capture. */
static CUresult join(CUstream stream, struct capture *own, struct capture *capture) {
    if (own == NULL)
        return stream_join_capture(stream, capture);
    if (own == capture)
        return CUDA_SUCCESS;
    capture_invalidate(own);
    capture_invalidate(capture);
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
}

static CUresult wait(CUstream stream, CUevent event) {
    struct capture *own = NULL;
    struct timeline *timeline;
    stream_capture(stream, &own);
    if (event->capture != NULL)
        return capture_graph(event->capture) != NULL ? join(stream, own, event->capture) : CUDA_ERROR_CAPTURED_EVENT;
    if (own != NULL && event->record != NULL) {
        capture_invalidate(own);
        return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    CUresult result = stream_timeline(stream, &timeline);
    return result != CUDA_SUCCESS || event->record == NULL ? result : timeline_wait(timeline, event->record);
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags) {
    if (flags != 0)
        return CUDA_ERROR_NOT_SUPPORTED;
    return event_is(event) ? wait(stream, event) : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuStreamWaitEvent_ptsz(CUstream stream, CUevent event, unsigned int flags) {
    return cuStreamWaitEvent(stream_or_own(stream), event, flags);
}
