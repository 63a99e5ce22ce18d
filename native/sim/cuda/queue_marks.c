/* See queue_marks.h. All with the queue's lock held. */
#include "sim/cuda/queue_marks.h"

void queue_marks_begin(struct queue_marks *marks, struct sim_queue *shared) {
    marks->shared = shared;
}

static bool is_waiting(const struct queue_marks *marks, const struct instant *instant) {
    return marks->waiting[instant->mark % SIM_MARKS] == instant;
}

bool queue_marks_add(struct queue_marks *marks, struct instant *instant, uint64_t served, uint64_t *oldest) {
    uint64_t number = atomic_load(&marks->shared->marked);
    struct sim_mark *mark = &marks->shared->marks[number % SIM_MARKS];
    struct instant *former = marks->waiting[number % SIM_MARKS];
    if (former != NULL) {
        *oldest = former->position;
        if (former->position > served)
            return false;
        queue_marks_read(marks, former);
    }
    marks->waiting[number % SIM_MARKS] = instant;
    instant->mark = number;
    atomic_store(&mark->position, instant->position);
    atomic_store(&mark->passed, 0);
    atomic_store(&marks->shared->marked, number + 1);
    return true;
}

/* A mark that was made only when the queue had passed it has no time: then it was asked for at that very moment. */
void queue_marks_read(struct queue_marks *marks, struct instant *instant) {
    if (!is_waiting(marks, instant))
        return;
    uint64_t passed = atomic_load(&marks->shared->marks[instant->mark % SIM_MARKS].passed);
    instant->passed = passed > instant->asked ? passed : instant->asked;
    marks->waiting[instant->mark % SIM_MARKS] = NULL;
}

void queue_marks_remove(struct queue_marks *marks, struct instant *instant) {
    if (is_waiting(marks, instant))
        marks->waiting[instant->mark % SIM_MARKS] = NULL;
}
