/* Streams, as other calls use them. */
#include "sim/cuda/stream.h"

#include "sim/cuda/context.h"
#include "sim/cuda/process.h"

CUstream stream_or_own(CUstream stream) {
    return stream == NULL ? CU_STREAM_PER_THREAD : stream;
}

CUresult stream_owner(CUstream stream, CUcontext *context) {
    if (stream_is_default(stream))
        return context_current(context);
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (stream->mark != STREAM_MARK)
        return CUDA_ERROR_INVALID_HANDLE;
    *context = stream->timeline.context;
    return atomic_load(&(*context)->alive) ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult stream_context(CUstream stream, CUcontext *context) {
    CUresult result = stream_owner(stream, context);
    if (result != CUDA_SUCCESS || stream_is_default(stream) || stream->capture == NULL)
        return result;
    switch (capture_status(stream->capture)) {
    case CU_STREAM_CAPTURE_STATUS_ACTIVE:
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    case CU_STREAM_CAPTURE_STATUS_INVALIDATED:
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    default:
        return CUDA_SUCCESS;
    }
}

CUresult stream_timeline(CUstream stream, struct timeline **timeline) {
    CUcontext context;
    CUresult result = stream_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (!stream_is_default(stream))
        *timeline = &stream->timeline;
    else if (stream == CU_STREAM_PER_THREAD)
        *timeline = timeline_own(context);
    else {
        *timeline = &context->timeline;
        return capture_check_default_stream(context);
    }
    return *timeline != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult stream_capture(CUstream stream, struct capture **capture) {
    if (stream_is_default(stream))
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (stream->mark != STREAM_MARK)
        return CUDA_ERROR_INVALID_HANDLE;
    bool has_one = stream->capture != NULL && capture_status(stream->capture) != CU_STREAM_CAPTURE_STATUS_NONE;
    *capture = has_one ? stream->capture : NULL;
    return CUDA_SUCCESS;
}

CUresult stream_join_capture(CUstream stream, struct capture *capture) {
    struct capture *old;
    CUresult result = stream_capture(stream, &old);
    if (result != CUDA_SUCCESS)
        return result;
    capture_release(stream->capture);
    stream->capture = capture_keep(capture);
    if (stream->timeline.kind == TIMELINE_BLOCKING)
        capture_add_blocking(capture);
    return CUDA_SUCCESS;
}

CUgraph stream_graph(CUstream stream) {
    struct capture *capture = NULL;
    return stream_capture(stream, &capture) == CUDA_SUCCESS && capture != NULL ? capture_graph(capture) : NULL;
}
