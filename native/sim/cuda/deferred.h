/* What cannot be put into a device's queue yet, since a function of the host or another device comes before it.
 *
 * Each timeline keeps it in its order, and a thread of the library's takes it further as soon as that can be. The
 * thread exists only once there is something for it.
 */
#ifndef HAMI_SIM_DEFERRED_H
#define HAMI_SIM_DEFERRED_H

#include "sim/cuda/record.h"
#include "sim/cuda/timeline.h"

enum deferred_kind {
    DEFERRED_WORK,   /* of the device */
    DEFERRED_CALL,   /* of a function on the host */
    DEFERRED_RECORD, /* of an event */
    DEFERRED_NOTE,   /* the same, for the simulator's own use: it takes no place in the stream */
    DEFERRED_WAIT,   /* for a record */
};

struct deferred {
    enum deferred_kind kind;
    uint64_t ns;               /* of work */
    CUhostFn function;         /* of a call; NULL: */
    CUstreamCallback callback; /* … */
    CUstream stream;           /* … that it is called with */
    void *data;
    struct record *record;
    uint64_t number; /* later ones have higher ones, whatever their timelines */
    struct deferred *next;
};

/* Whether nothing is deferred in the whole process. */
bool deferred_is_nothing(void);

/* Adds a copy to the timeline's, if it must wait for what is deferred already or if it `must` anyway; then *added. As
 * long as the timeline has no place for it the caller waits. */
CUresult deferred_add(struct timeline *timeline, struct deferred what, bool must, bool *added);

/* Whether something in the timeline is deferred. */
bool deferred_has(const struct timeline *timeline);

/* Wait until nothing is deferred any more of what was when they were called. */
void deferred_wait(const struct timeline *timeline);
void deferred_wait_for_context(CUcontext context);
void deferred_wait_for_record(const struct record *record);

/* Frees the memory that a timeline lies in, once nothing of it is deferred. */
void deferred_free(struct timeline *timeline, void *memory);

/* Whether the calling thread is in a function of the host, where the driver permits no calls. */
bool deferred_is_calling(void);

#endif
