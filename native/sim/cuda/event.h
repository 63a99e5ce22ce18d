/* Events: instants at which the work was done that was in a stream when they were recorded. */
#ifndef HAMI_SIM_EVENT_H
#define HAMI_SIM_EVENT_H

#include "sim/cuda/capture.h"
#include "sim/cuda/record.h"

#define EVENT_MARK 0x45564e54u /* what a live event's first word holds */

struct CUevent_st {
    uint32_t mark;
    unsigned flags;
    CUcontext context;       /* whose streams it is recorded in */
    struct record *record;   /* NULL: there is none */
    struct capture *capture; /* in which it was recorded instead; NULL: in none */
};

static inline bool event_is(CUevent event) {
    return event != NULL && event->mark == EVENT_MARK;
}

static inline bool event_has_time(CUevent event) {
    return (event->flags & CU_EVENT_DISABLE_TIMING) == 0;
}

#endif
