/* The schedule of a GPU as arithmetic: who has how much of it when. Nothing here has an effect but on what it is given.
 *
 * The GPU serves one queue at a time, in turns of one time slice each, as GPUs do with contexts of several processes. A
 * queue that is empty loses the rest of its slice; one that is alone goes on.
 */
#ifndef HAMI_SIM_SCHEDULE_H
#define HAMI_SIM_SCHEDULE_H

#include "sim/common/state.h"

#include <stdbool.h>

struct schedule_rules {
    uint64_t slice_ns; /* not 0 */
    uint64_t switch_ns;
};

/* What happened meanwhile: from `start` on, the GPU served a sharer for `ns`. */
typedef void schedule_sink(void *argument, struct sim_sharer *sharer, uint64_t start, uint64_t ns);

/* Advances a schedule to the instant `to`, if that is later. `sink` may be NULL. */
void schedule_advance(struct sim_schedule *schedule, const struct schedule_rules *rules, uint64_t to,
                      schedule_sink *sink, void *argument);

/* When the sharer's queue will be served up to `position`, if nothing is added to any; `limit` if that is not before
 * then. Leaves the schedule somewhere in the future. */
uint64_t schedule_foresee(struct sim_schedule *schedule, const struct schedule_rules *rules, unsigned sharer,
                          uint64_t position, uint64_t limit);

/* Takes a sharer off the schedule. */
void schedule_remove(struct sim_schedule *schedule, unsigned sharer);

/* Whether another sharer than this one has work to do. */
bool schedule_is_shared(const struct sim_schedule *schedule, unsigned sharer);

#endif
