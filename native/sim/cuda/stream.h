/* Streams. */
#ifndef HAMI_SIM_STREAM_H
#define HAMI_SIM_STREAM_H

#include "abi/cuda.h"

/* The context in which the stream's work happens: the stream's own, or the current one for a default stream. */
CUresult stream_context(CUstream stream, CUcontext *context);

/* What the per-thread variants of the driver's functions mean by a stream: 0 is the thread's own default stream. */
CUstream stream_or_own(CUstream stream);

#endif
