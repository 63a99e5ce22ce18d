/* What an event was recorded for: an instant of a device. It outlives the event as long as something waits for it. */
#ifndef HAMI_SIM_RECORD_H
#define HAMI_SIM_RECORD_H

#include "sim/cuda/queue.h"

#include <stdatomic.h>

struct record {
    _Atomic unsigned references;
    _Atomic bool pending; /* what comes before it is not yet in the device's queue */
    bool timed;
    struct instant instant;
};

/* A record for an event that has `old`, which becomes it if nothing else has it. NULL without memory. */
struct record *record_renew(struct record *old, bool timed);

void record_keep(struct record *record);
void record_release(struct record *record); /* NULL: nothing */

/* As queue_query and queue_wait. */
CUresult record_query(const struct record *record);
void record_wait(struct record *record, bool may_spin);

#endif
