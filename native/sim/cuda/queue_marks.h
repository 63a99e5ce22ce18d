/* The marks of a queue: whoever advances the schedule writes into them when they were passed. */
#ifndef HAMI_SIM_QUEUE_MARKS_H
#define HAMI_SIM_QUEUE_MARKS_H

#include "sim/common/state.h"
#include "sim/cuda/queue.h"

struct queue_marks {
    struct sim_queue *shared;
    struct instant *waiting[SIM_MARKS]; /* whose mark that is; NULL: nobody's any more */
};

void queue_marks_begin(struct queue_marks *marks, struct sim_queue *shared);

/* Gives the instant a mark. If there is none left in a queue that is `served` so far: false, and the position at which
 * the oldest becomes free. */
bool queue_marks_add(struct queue_marks *marks, struct instant *instant, uint64_t served, uint64_t *oldest);

/* Takes what the instant's mark says, for a queue that has passed it. */
void queue_marks_read(struct queue_marks *marks, struct instant *instant);

void queue_marks_remove(struct queue_marks *marks, struct instant *instant);

#endif
