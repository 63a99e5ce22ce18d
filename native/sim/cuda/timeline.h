/* The order of a stream's work: a position in its device's queue at which all of it is done.
 *
 * A device does the work of a process in the order in which it is launched, so what comes later in a stream never has
 * to be held back for what came before.
 */
#ifndef HAMI_SIM_TIMELINE_H
#define HAMI_SIM_TIMELINE_H

#include "abi/cuda.h"

#include <stdatomic.h>
#include <stdbool.h>

enum timeline_kind {
    TIMELINE_DEFAULT,     /* the context's default stream, which waits for all that are BLOCKING, and they for it */
    TIMELINE_BLOCKING,    /* streams made without CU_STREAM_NON_BLOCKING, and the threads' own default streams */
    TIMELINE_INDEPENDENT, /* of the default stream */
};

struct timeline {
    CUcontext context;
    enum timeline_kind kind;
    _Atomic uint64_t end;
};

/* Puts work of `ns` at the end. Work that takes no time is done as soon as what is before it. */
CUresult timeline_put(struct timeline *timeline, uint64_t ns);

/* The position at which everything is done that is in the timeline now, and that it waits for. */
uint64_t timeline_position(const struct timeline *timeline);

/* Lets what comes later wait for a position in the queue of the timeline's device. */
void timeline_wait_for(struct timeline *timeline, uint64_t position);

CUresult timeline_query(const struct timeline *timeline);
CUresult timeline_synchronize(const struct timeline *timeline);

/* The calling thread's own default stream in a context. NULL without memory. */
struct timeline *timeline_own(CUcontext context);

#endif
