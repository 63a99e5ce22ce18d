/* Streams. */
#include "sim/cuda/stream.h"

#include "sim/cuda/context.h"
#include "sim/cuda/deferred.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

#define MARK 0x53545245u /* what a live stream's first word holds */

#define GREATEST_PRIORITY (-5)

struct CUstream_st {
    uint32_t mark;
    unsigned flags;
    int priority;
    struct timeline timeline;
    struct capture *capture; /* NULL, or one that may have ended */
};

static bool is_default(CUstream stream) {
    return stream == NULL || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
}

CUstream stream_or_own(CUstream stream) {
    return stream == NULL ? CU_STREAM_PER_THREAD : stream;
}

/* The context of the stream, whether it is captured or not. */
static CUresult find_context(CUstream stream, CUcontext *context) {
    if (is_default(stream))
        return context_current(context);
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (stream->mark != MARK)
        return CUDA_ERROR_INVALID_HANDLE;
    *context = stream->timeline.context;
    return atomic_load(&(*context)->alive) ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult stream_context(CUstream stream, CUcontext *context) {
    CUresult result = find_context(stream, context);
    if (result != CUDA_SUCCESS || is_default(stream) || stream->capture == NULL)
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
    if (!is_default(stream))
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
    if (is_default(stream))
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (stream->mark != MARK)
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

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned int flags, int priority) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (stream == NULL || (flags & ~CU_STREAM_NON_BLOCKING) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUstream created = malloc(sizeof(*created));
    if (created == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    int clamped = priority > 0 ? 0 : priority < GREATEST_PRIORITY ? GREATEST_PRIORITY : priority;
    enum timeline_kind kind = (flags & CU_STREAM_NON_BLOCKING) != 0 ? TIMELINE_INDEPENDENT : TIMELINE_BLOCKING;
    *created = (struct CUstream_st){MARK, flags, clamped, {.context = context, .kind = kind}, NULL};
    *stream = created;
    return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *stream, unsigned int flags) {
    return cuStreamCreateWithPriority(stream, flags, 0);
}

CUresult cuStreamDestroy_v2(CUstream stream) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (is_default(stream) || stream->mark != MARK)
        return CUDA_ERROR_INVALID_HANDLE;
    stream->mark = 0;
    capture_release(stream->capture);
    deferred_free(&stream->timeline, stream);
    return CUDA_SUCCESS;
}

CUresult cuStreamDestroy(CUstream stream) {
    return cuStreamDestroy_v2(stream);
}

static CUresult get_flags(CUstream stream, unsigned *flags) {
    CUcontext context;
    CUresult result = find_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (flags == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = is_default(stream) ? CU_STREAM_DEFAULT : stream->flags;
    return CUDA_SUCCESS;
}

CUresult cuStreamGetFlags(CUstream stream, unsigned int *flags) {
    return get_flags(stream, flags);
}

CUresult cuStreamGetFlags_ptsz(CUstream stream, unsigned int *flags) {
    return get_flags(stream_or_own(stream), flags);
}

static CUresult get_priority(CUstream stream, int *priority) {
    CUcontext context;
    CUresult result = find_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (priority == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *priority = is_default(stream) ? 0 : stream->priority;
    return CUDA_SUCCESS;
}

CUresult cuStreamGetPriority(CUstream stream, int *priority) {
    return get_priority(stream, priority);
}

CUresult cuStreamGetPriority_ptsz(CUstream stream, int *priority) {
    return get_priority(stream_or_own(stream), priority);
}

static CUresult get_context(CUstream stream, CUcontext *context) {
    CUcontext own;
    CUresult result = find_context(stream, &own);
    if (result != CUDA_SUCCESS)
        return result;
    if (context == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *context = own;
    return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx(CUstream stream, CUcontext *context) {
    return get_context(stream, context);
}

CUresult cuStreamGetCtx_ptsz(CUstream stream, CUcontext *context) {
    return get_context(stream_or_own(stream), context);
}

/* Finds the timeline to ask or to wait for, which one that is captured does not survive. */
static CUresult timeline_to_look_at(CUstream stream, struct timeline **timeline) {
    CUresult result = stream_timeline(stream, timeline);
    if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED && !is_default(stream))
        capture_invalidate(stream->capture);
    return result == CUDA_SUCCESS ? capture_check_unsafe() : result;
}

CUresult cuStreamQuery(CUstream stream) {
    struct timeline *timeline;
    CUresult result = timeline_to_look_at(stream, &timeline);
    return result != CUDA_SUCCESS ? result : timeline_query(timeline);
}

CUresult cuStreamQuery_ptsz(CUstream stream) {
    return cuStreamQuery(stream_or_own(stream));
}

CUresult cuStreamSynchronize(CUstream stream) {
    struct timeline *timeline;
    CUresult result = timeline_to_look_at(stream, &timeline);
    if (result == CUDA_SUCCESS)
        result = timeline_synchronize(timeline);
    if (result == CUDA_SUCCESS)
        pools_synchronize();
    return result;
}

CUresult cuStreamSynchronize_ptsz(CUstream stream) {
    return cuStreamSynchronize(stream_or_own(stream));
}
