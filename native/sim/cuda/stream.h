/* Streams. */
#ifndef HAMI_SIM_STREAM_H
#define HAMI_SIM_STREAM_H

#include "sim/cuda/timeline.h"

/* The context in which the stream's work happens: the stream's own, or the current one for a default stream. */
CUresult stream_context(CUstream stream, CUcontext *context);

/* The order of the stream's work, of the calling thread's own or of the context's for a default stream; or why it can
 * do none. */
CUresult stream_timeline(CUstream stream, struct timeline **timeline);

/* Where the stream keeps the graph that it is being captured into, NULL at most times. NULL for a default stream, which
 * cannot be captured here, and for what is no stream. A stream that is captured does no work: stream_context fails. */
CUgraph *stream_capture(CUstream stream);

/* What the per-thread variants of the driver's functions mean by a stream: 0 is the thread's own default stream. */
CUstream stream_or_own(CUstream stream);

#endif
