/* What is given back in the order of a stream: once its work is done up to there, at the next wait for a stream, an
 * event or a context. The real driver may do so before a wait; a program cannot rely on that.
 */
#ifndef HAMI_SIM_LATE_H
#define HAMI_SIM_LATE_H

#include "sim/cuda/timeline.h"

/* Calls `give` with `what`, late. */
CUresult late_give(struct timeline *timeline, void (*give)(void *what), void *what);

/* What happens when a program waits for a stream, an event or a context. */
void late_synchronize(void);

#endif
