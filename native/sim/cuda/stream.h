/* Streams. */
#ifndef HAMI_SIM_STREAM_H
#define HAMI_SIM_STREAM_H

#include "abi/cuda.h"

/* The context in which the stream's work happens: the stream's own, or the current one for a default stream. */
CUresult stream_context(CUstream stream, CUcontext *context);

/* Where the stream keeps the graph that it is being captured into, NULL at most times. NULL for a default stream, which
 * cannot be captured here, and for what is no stream. A stream that is captured does no work: stream_context fails. */
CUgraph *stream_capture(CUstream stream);

/* What the per-thread variants of the driver's functions mean by a stream: 0 is the thread's own default stream. */
CUstream stream_or_own(CUstream stream);

#endif
