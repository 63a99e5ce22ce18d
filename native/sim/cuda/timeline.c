/* See timeline.h. */
#include "sim/cuda/timeline.h"

#include "sim/cuda/context.h"
#include "sim/cuda/deferred.h"
#include "sim/cuda/queue.h"

static void raise(_Atomic uint64_t *end, uint64_t position) {
    uint64_t old = atomic_load(end);
    while (old < position && !atomic_compare_exchange_weak(end, &old, position))
        continue;
}

uint64_t timeline_position(const struct timeline *timeline) {
    if (timeline->kind == TIMELINE_DEFAULT)
        return atomic_load(&timeline->context->blocking_end);
    uint64_t own = atomic_load(&timeline->end);
    uint64_t default_end = atomic_load(&timeline->context->timeline.end);
    return timeline->kind == TIMELINE_BLOCKING && default_end > own ? default_end : own;
}

static void move_end(struct timeline *timeline, uint64_t position) {
    raise(&timeline->end, position);
    raise(&timeline->context->end, position);
    if (timeline->kind != TIMELINE_INDEPENDENT)
        raise(&timeline->context->blocking_end, position);
}

CUresult timeline_put_now(struct timeline *timeline, uint64_t ns) {
    uint64_t position;
    if (ns == 0) {
        raise(&timeline->end, timeline_position(timeline));
        return CUDA_SUCCESS;
    }
    CUresult result = queue_put(timeline->context->device, ns, &position);
    if (result == CUDA_SUCCESS)
        move_end(timeline, position);
    return result;
}

CUresult timeline_put(struct timeline *timeline, uint64_t ns) {
    bool is_deferred;
    if (deferred_is_nothing())
        return timeline_put_now(timeline, ns);
    CUresult result = deferred_add(timeline, (struct deferred){DEFERRED_WORK, .ns = ns}, false, &is_deferred);
    return is_deferred || result != CUDA_SUCCESS ? result : timeline_put_now(timeline, ns);
}

CUresult timeline_call(struct timeline *timeline, CUhostFn function, void *data) {
    bool is_deferred;
    return deferred_add(timeline, (struct deferred){DEFERRED_CALL, .function = function, .data = data}, true,
                        &is_deferred);
}

CUresult timeline_call_back(struct timeline *timeline, CUstreamCallback callback, CUstream stream, void *data) {
    bool is_deferred;
    struct deferred call = {DEFERRED_CALL, .callback = callback, .stream = stream, .data = data};
    return deferred_add(timeline, call, true, &is_deferred);
}

void timeline_record_now(struct timeline *timeline, struct record *record) {
    queue_note(&record->instant, timeline->context->device, timeline_position(timeline), record->timed);
    atomic_store(&record->pending, false);
}

static CUresult record_as(enum deferred_kind kind, struct timeline *timeline, struct record *record) {
    bool is_deferred;
    CUresult result = deferred_add(timeline, (struct deferred){kind, .record = record}, false, &is_deferred);
    if (!is_deferred && result == CUDA_SUCCESS)
        timeline_record_now(timeline, record);
    return result;
}

CUresult timeline_record(struct timeline *timeline, struct record *record) {
    return record_as(DEFERRED_RECORD, timeline, record);
}

CUresult timeline_note(struct timeline *timeline, struct record *record) {
    return record_as(DEFERRED_NOTE, timeline, record);
}

/* What is of another device is done when this is called. */
void timeline_wait_now(struct timeline *timeline, const struct record *record) {
    if (record->instant.device == timeline->context->device)
        move_end(timeline, record->instant.position);
}

CUresult timeline_wait(struct timeline *timeline, struct record *record) {
    bool is_deferred;
    bool must = atomic_load(&record->pending) ||
                (record->instant.device != timeline->context->device && record_query(record) != CUDA_SUCCESS);
    CUresult result = deferred_add(timeline, (struct deferred){DEFERRED_WAIT, .record = record}, must, &is_deferred);
    if (!is_deferred && result == CUDA_SUCCESS)
        timeline_wait_now(timeline, record);
    return result;
}

/* The position at which all is done that is in the timeline. Nothing is in a default stream but what it waits for. */
static uint64_t end_of(const struct timeline *timeline) {
    return timeline->kind == TIMELINE_DEFAULT ? timeline_position(timeline) : atomic_load(&timeline->end);
}

CUresult timeline_query(const struct timeline *timeline) {
    if (deferred_has(timeline))
        return CUDA_ERROR_NOT_READY;
    return queue_query(timeline->context->device, end_of(timeline));
}

void timeline_synchronize(const struct timeline *timeline) {
    deferred_wait(timeline);
    queue_wait(timeline->context->device, end_of(timeline), context_may_spin(timeline->context));
}
