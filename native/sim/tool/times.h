/* For how long processes had a GPU, as JSON. */
#ifndef HAMI_SIM_TIMES_H
#define HAMI_SIM_TIMES_H

#include "sim/common/machine.h"

/* Prints two members of an object: the instant for which times are told, and an object for each process, the ended ones
 * first; false without memory. In the name of `own`, a queue of this process, the machine's state is brought up to now
 * first; else, with SIM_MAX_QUEUES, the dead count up to when somebody last did that. */
bool times_print(const struct machine *machine, unsigned gpu, uint32_t own);

#endif
