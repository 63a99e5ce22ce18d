/* Queues: whose is which, known from the kernel and not from the processes. */
#ifndef HAMI_SIM_QUEUES_H
#define HAMI_SIM_QUEUES_H

#include "sim/common/machine.h"

/* Gives this process an empty queue on a GPU, until it dies; SIM_MAX_QUEUES if there is none left. */
uint32_t queues_join(const struct machine *machine, unsigned gpu);

/* The same on no GPU, for who only wants to change schedules. */
uint32_t queues_take(const struct machine *machine);

/* Tells whether a living process owns the queue, and writes its PID as seen from the caller's PID namespace, 0 if it is
 * not in there. */
bool queues_owner(const struct machine *machine, uint32_t queue, pid_t *pid);

#endif
