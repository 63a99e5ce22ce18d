/* Captures of streams into graphs, and what they forbid meanwhile. */
#ifndef HAMI_SIM_CAPTURE_H
#define HAMI_SIM_CAPTURE_H

#include "abi/cuda.h"

#include <stdbool.h>

/* Several streams can be in one capture. It lives as long as something refers to it, also when it has ended. */
struct capture;

/* Begins one with the stream as its first. NULL without memory. */
struct capture *capture_begin(CUstream origin, CUcontext context, CUstreamCaptureMode mode);

struct capture *capture_keep(struct capture *capture);
void capture_release(struct capture *capture); /* NULL: nothing */

/* What comes into it; NULL once it has ended. */
CUgraph capture_graph(const struct capture *capture);
CUstreamCaptureStatus capture_status(const struct capture *capture);
unsigned long long capture_id(const struct capture *capture);

/* Ends it for all of its streams, and hands over the graph. */
CUresult capture_end(struct capture *capture, CUstream stream, CUgraph *graph);

/* Something was done that cannot be while it goes on: it comes to nothing. */
void capture_invalidate(struct capture *capture);

/* A stream that the context's default stream waits for has come into it: the default stream cannot be used meanwhile.
 */
void capture_add_blocking(struct capture *capture);

/* Whether the calling thread may now do what could disturb a capture, and whether the context's default stream may be
 * used. What may not invalidates the captures that forbid it. */
CUresult capture_check_unsafe(void);
CUresult capture_check_default_stream(CUcontext context);

#endif
