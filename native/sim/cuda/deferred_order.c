/* See deferred_order.h. */
#include "sim/cuda/deferred_order.h"

#define PLACES 1024

static bool takes_place(const struct deferred *what) {
    return what->kind != DEFERRED_NOTE;
}

bool deferred_order_has_place(const struct timeline *timeline, const struct deferred *what) {
    return !takes_place(what) || timeline->deferred_count < PLACES;
}

void deferred_order_push(struct deferred_order *order, struct timeline *timeline, struct deferred *what) {
    what->number = ++order->last_number;
    what->next = NULL;
    if (timeline->deferred == NULL) {
        timeline->deferred = what;
        timeline->next = order->first;
        order->first = timeline;
    } else
        timeline->deferred_last->next = what;
    timeline->deferred_last = what;
    timeline->deferred_count += takes_place(what);
}

void deferred_order_pop(struct deferred_order *order, struct timeline *timeline) {
    timeline->deferred_count -= takes_place(timeline->deferred);
    timeline->deferred = timeline->deferred->next;
    if (timeline->deferred != NULL)
        return;
    struct timeline **at = &order->first;
    while (*at != timeline)
        at = &(*at)->next;
    *at = timeline->next;
}

/* A default stream and those that are not independent of it wait for each other. */
static bool depends(const struct timeline *timeline, const struct timeline *on) {
    return timeline->context == on->context && ((timeline->kind == TIMELINE_DEFAULT && on->kind == TIMELINE_BLOCKING) ||
                                                (timeline->kind == TIMELINE_BLOCKING && on->kind == TIMELINE_DEFAULT));
}

bool deferred_order_is_turn(const struct deferred_order *order, const struct timeline *timeline) {
    for (const struct timeline *other = order->first; other != NULL; other = other->next)
        if (depends(timeline, other) && other->deferred->number < timeline->deferred->number)
            return false;
    return true;
}

bool deferred_order_holds(const struct deferred_order *order, const struct timeline *timeline) {
    for (const struct timeline *other = order->first; other != NULL; other = other->next)
        if (other == timeline || depends(timeline, other))
            return true;
    return false;
}

bool deferred_order_contains(const struct deferred_order *order, const struct timeline *timeline, uint64_t number) {
    bool is_default = timeline->kind == TIMELINE_DEFAULT;
    for (const struct timeline *other = order->first; other != NULL; other = other->next)
        if ((other == timeline || (is_default && depends(timeline, other))) && other->deferred->number <= number)
            return true;
    return false;
}

bool deferred_order_has(const struct deferred_order *order, CUcontext context, uint64_t number) {
    for (const struct timeline *other = order->first; other != NULL; other = other->next)
        if (other->context == context && other->deferred->number <= number)
            return true;
    return false;
}
