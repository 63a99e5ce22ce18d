/* See timeline.h. */
#include "sim/cuda/timeline.h"

#include "sim/cuda/context.h"
#include "sim/cuda/queue.h"

static void raise(_Atomic uint64_t *end, uint64_t position) {
    uint64_t old = atomic_load(end);
    while (old < position && !atomic_compare_exchange_weak(end, &old, position))
        continue;
}

void timeline_wait_for(struct timeline *timeline, uint64_t position) {
    raise(&timeline->end, position);
    raise(&timeline->context->end, position);
    if (timeline->kind != TIMELINE_INDEPENDENT)
        raise(&timeline->context->blocking_end, position);
}

CUresult timeline_put(struct timeline *timeline, uint64_t ns) {
    uint64_t position;
    if (ns == 0)
        return CUDA_SUCCESS;
    CUresult result = queue_put(timeline->context->device, ns, &position);
    if (result == CUDA_SUCCESS)
        timeline_wait_for(timeline, position);
    return result;
}

uint64_t timeline_position(const struct timeline *timeline) {
    if (timeline->kind == TIMELINE_DEFAULT)
        return atomic_load(&timeline->context->blocking_end);
    uint64_t own = atomic_load(&timeline->end);
    uint64_t default_end = atomic_load(&timeline->context->timeline.end);
    return timeline->kind == TIMELINE_BLOCKING && default_end > own ? default_end : own;
}

CUresult timeline_query(const struct timeline *timeline) {
    return queue_query(timeline->context->device, timeline_position(timeline));
}

CUresult timeline_synchronize(const struct timeline *timeline) {
    return queue_wait(timeline->context->device, timeline_position(timeline), context_may_spin(timeline->context));
}
