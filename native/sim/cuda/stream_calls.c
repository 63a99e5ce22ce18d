/* What a program does with streams. */
#include "sim/cuda/context.h"
#include "sim/cuda/deferred.h"
#include "sim/cuda/late.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

#define GREATEST_PRIORITY (-5)

CUresult stream_create(CUstream *stream, CUcontext context, unsigned flags, int priority) {
    if (stream == NULL || (flags & ~CU_STREAM_NON_BLOCKING) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUstream created = malloc(sizeof(*created));
    if (created == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    int clamped = priority > 0 ? 0 : priority < GREATEST_PRIORITY ? GREATEST_PRIORITY : priority;
    enum timeline_kind kind = (flags & CU_STREAM_NON_BLOCKING) != 0 ? TIMELINE_INDEPENDENT : TIMELINE_BLOCKING;
    *created = (struct CUstream_st){STREAM_MARK, flags, clamped, {.context = context, .kind = kind}, NULL};
    *stream = created;
    return CUDA_SUCCESS;
}

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned int flags, int priority) {
    CUcontext context;
    CUresult result = context_current(&context);
    return result != CUDA_SUCCESS ? result : stream_create(stream, context, flags, priority);
}

CUresult cuStreamCreate(CUstream *stream, unsigned int flags) {
    return cuStreamCreateWithPriority(stream, flags, 0);
}

CUresult cuStreamDestroy_v2(CUstream stream) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (stream_is_default(stream) || stream->mark != STREAM_MARK)
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
    CUresult result = stream_owner(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (flags == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = stream_is_default(stream) ? CU_STREAM_DEFAULT : stream->flags;
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
    CUresult result = stream_owner(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (priority == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *priority = stream_is_default(stream) ? 0 : stream->priority;
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
    CUresult result = stream_owner(stream, &own);
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

CUresult cuStreamGetDevice(CUstream stream, CUdevice *device) {
    CUcontext context;
    CUresult result = get_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (device == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *device = context->device;
    return CUDA_SUCCESS;
}

CUresult cuStreamGetDevice_ptsz(CUstream stream, CUdevice *device) {
    return cuStreamGetDevice(stream_or_own(stream), device);
}

/* Finds the timeline to ask or to wait for, which one that is captured does not survive. */
static CUresult timeline_to_look_at(CUstream stream, struct timeline **timeline) {
    CUresult result = stream_timeline(stream, timeline);
    if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED && !stream_is_default(stream))
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
    if (result != CUDA_SUCCESS)
        return result;
    timeline_synchronize(timeline);
    pools_synchronize();
    late_synchronize();
    return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize_ptsz(CUstream stream) {
    return cuStreamSynchronize(stream_or_own(stream));
}
