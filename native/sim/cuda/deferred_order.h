/* In which order things that are deferred may be done. All with the lock of deferred.c held. */
#ifndef HAMI_SIM_DEFERRED_ORDER_H
#define HAMI_SIM_DEFERRED_ORDER_H

#include "sim/cuda/deferred.h"

/* The timelines of which something is deferred. */
struct deferred_order {
    struct timeline *first;
    uint64_t last_number;
};

/* Whether a timeline has a place for it: it has as many as a stream of the real driver. */
bool deferred_order_has_place(const struct timeline *timeline, const struct deferred *what);

/* Puts something behind what is deferred of a timeline, and takes away what is first. */
void deferred_order_push(struct deferred_order *order, struct timeline *timeline, struct deferred *what);
void deferred_order_pop(struct deferred_order *order, struct timeline *timeline);

/* Whether what is first in a timeline waits for no other timeline of its context. */
bool deferred_order_is_turn(const struct deferred_order *order, const struct timeline *timeline);

/* Whether something is deferred that what comes next in a timeline must wait for. */
bool deferred_order_holds(const struct deferred_order *order, const struct timeline *timeline);

/* Whether something up to a number is deferred that is in a timeline, or that a default stream waits for. */
bool deferred_order_contains(const struct deferred_order *order, const struct timeline *timeline, uint64_t number);

/* Whether something of the context is. */
bool deferred_order_has(const struct deferred_order *order, CUcontext context, uint64_t number);

#endif
