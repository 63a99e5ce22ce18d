/* How long something ran lately, in spans of 100 ms. */
#ifndef HAMI_SIM_RECENT_H
#define HAMI_SIM_RECENT_H

#include "sim/common/state.h"

/* Notes that it ran for `ns` from the instant `start` on, which is no earlier than what was noted before. */
void recent_add(struct sim_recent *recent, uint64_t start, uint64_t ns);

/* For how many ns it ran in the spans from number `first` to before `end`; what is too long ago counts as 0. */
uint64_t recent_sum(const struct sim_recent *recent, uint64_t first, uint64_t end);

#endif
