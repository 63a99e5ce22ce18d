/* The order of a stream's work: a position in its device's queue at which all of it is done.
 *
 * A device does the work of a process in the order in which it is launched, so what comes later in a stream never has
 * to be held back for what came before. What is put in waits as long as the stream or the device has no place for it.
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
    struct deferred *deferred; /* what is not in the queue yet, from the first to the last; see deferred.h */
    struct deferred *deferred_last;
    unsigned deferred_count; /* of that, what takes a place in the stream */
    struct timeline *next;   /* of those with something deferred */
    void *freed;             /* when nothing is any more */
};

struct record;

/* Puts work of `ns` at the end. Work that takes no time is done as soon as what is before it. */
CUresult timeline_put(struct timeline *timeline, uint64_t ns);

/* Has the host's function called when all before it is done; nothing later begins before it has returned. */
CUresult timeline_call(struct timeline *timeline, CUhostFn function, void *data);
CUresult timeline_call_back(struct timeline *timeline, CUstreamCallback callback, CUstream stream, void *data);

/* Has an event's record be the instant at which all before it is done. */
CUresult timeline_record(struct timeline *timeline, struct record *record);

/* The same for the simulator's own use: it takes no place in the stream, and so waits for none. */
CUresult timeline_note(struct timeline *timeline, struct record *record);

/* Lets what comes later wait for a record. */
CUresult timeline_wait(struct timeline *timeline, struct record *record);

/* The same at once, although something is deferred: for what was deferred itself. */
CUresult timeline_put_now(struct timeline *timeline, uint64_t ns);
void timeline_record_now(struct timeline *timeline, struct record *record);
void timeline_wait_now(struct timeline *timeline, const struct record *record);

/* The position at which everything is done that what comes next in the timeline must wait for. */
uint64_t timeline_position(const struct timeline *timeline);

/* Whether all that is in the timeline is done, and to wait for that. */
CUresult timeline_query(const struct timeline *timeline);
void timeline_synchronize(const struct timeline *timeline);

/* The calling thread's own default stream in a context. NULL without memory. */
struct timeline *timeline_own(CUcontext context);

#endif
