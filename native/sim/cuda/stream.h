/* Streams. */
#ifndef HAMI_SIM_STREAM_H
#define HAMI_SIM_STREAM_H

#include "sim/cuda/capture.h"
#include "sim/cuda/timeline.h"

#define STREAM_MARK 0x53545245u /* what a live stream's first word holds */

struct CUstream_st {
    uint32_t mark;
    unsigned flags;
    int priority;
    struct timeline timeline;
    struct capture *capture; /* NULL, or one that may have ended */
};

static inline bool stream_is_default(CUstream stream) {
    return stream == NULL || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
}

/* A new stream of a context that need not be current. */
CUresult stream_create(CUstream *stream, CUcontext context, unsigned flags, int priority);

/* The context of the stream, whether it is captured or not. */
CUresult stream_owner(CUstream stream, CUcontext *context);

/* The context in which the stream's work happens: the stream's own, or the current one for a default stream. */
CUresult stream_context(CUstream stream, CUcontext *context);

/* The order of the stream's work, of the calling thread's own or of the context's for a default stream; or why it can
 * do none. */
CUresult stream_timeline(CUstream stream, struct timeline **timeline);

/* The capture that the stream is in, NULL at most times. Default streams cannot be captured here. A stream that is
 * captured does no work: the functions above tell CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, or that its capture is
 * invalid.
 */
CUresult stream_capture(CUstream stream, struct capture **capture);
CUresult stream_join_capture(CUstream stream, struct capture *capture);

/* The graph of that capture; NULL: there is none. */
CUgraph stream_graph(CUstream stream);

/* What the per-thread variants of the driver's functions mean by a stream: 0 is the thread's own default stream. */
CUstream stream_or_own(CUstream stream);

#endif
