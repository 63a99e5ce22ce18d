/* How far the GPU is with what this process has launched on it, by events. Done by one thread at a time. */
#ifndef HAMI_CORE_MARKS_H
#define HAMI_CORE_MARKS_H

#include "core/lanes.h"

/* What a mark tells that is over. */
struct news {
    uint64_t elapsed;  /* ns since the end of the last one; `expected` if that is not known */
    uint64_t expected; /* ns that it should have taken since the lane's last mark */
    bool undisturbed;  /* nobody else had the GPU meanwhile */
};

/* Nothing is in flight, and a mark is about to be set: the GPU's work is measured from here on. */
void marks_begin(struct lanes *lanes, const struct lane *lane, CUstream stream);

/* Around a launch: marks it. `expected` is what launches of other streams should take that have no mark of their own.
 * Returns false, and the second need not be called, if no mark is left. */
bool mark_begin(struct lane *lane, CUstream stream, const struct task *task, uint64_t expected);
void mark_end(struct lanes *lanes, struct lane *lane, CUstream stream, bool succeeded,
              struct surroundings surroundings);

/* Marks how far the lane has got, so that one need not guess when that is over. */
void mark_here(struct lanes *lanes, struct lane *lane, CUstream stream, bool undisturbed);

/* Whether a mark is over: then what the one tells that was set first, and the launch in it is learnt. */
bool marks_collect(struct lanes *lanes, struct costs *costs, struct news *news);

/* Whether the oldest marked launch of any lane is known to have begun and not to have ended. */
bool marks_run(const struct lanes *lanes);

/* What is running runs beside another process from now on. */
void marks_disturb(struct lanes *lanes);

#endif
