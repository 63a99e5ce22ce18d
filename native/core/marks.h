/* How far the GPU is with what this process has launched on it, by events. All but mark_begin and mark_end is done by
 * one thread at a time, which has the lock. */
#ifndef HAMI_CORE_MARKS_H
#define HAMI_CORE_MARKS_H

#include "core/lanes.h"

/* What a mark tells that is over. */
struct news {
    uint64_t elapsed;  /* ns since the end of the last one; `expected` if that is not known */
    uint64_t expected; /* ns that it should have taken since the lane's last mark */
    bool undisturbed;  /* nobody else had the GPU meanwhile */
};

/* A mark that a thread sets. The events are that thread's meanwhile, for it records them without the lock: where a
 * stream is full the driver has it wait, and the stream may be waiting for what another thread is still to launch. */
struct setting {
    struct lane *lane;
    uint64_t number;   /* another one than the lane's if that was emptied meanwhile */
    CUcontext context; /* of the events */
    CUevent begin, end;
};

/* Takes the lane's next mark out, for a launch of `task`; NULL: for none. `expected` is what launches of other streams
 * should take that have no mark of their own. False if no mark is left, or another thread sets one. */
bool mark_take(struct lanes *lanes, struct lane *lane, const struct task *task, uint64_t expected,
               struct setting *setting);

/* Without the lock, before the launch and after it. False where the driver refuses. */
bool mark_begin(const struct setting *setting, CUstream stream);
bool mark_end(const struct setting *setting, CUstream stream);

/* Gives the lane its mark, set or not. False if the lane was emptied meanwhile: then the mark is no more. */
bool mark_put(struct lanes *lanes, const struct setting *setting, bool launched, const struct surroundings *around);
bool mark_put_back(const struct setting *setting);

/* Nothing is in flight, and something is about to be: the GPU's work is measured from there on. */
void marks_begin(struct lanes *lanes);

/* Whether a mark is over: then what the one tells that was set first, and the launch in it is learnt. */
bool marks_collect(struct lanes *lanes, struct costs *costs, struct news *news);

/* Whether the oldest marked launch of any lane is known to have begun and not to have ended. */
bool marks_run(const struct lanes *lanes);

/* What is running runs beside another process from now on. */
void marks_disturb(struct lanes *lanes);

#endif
