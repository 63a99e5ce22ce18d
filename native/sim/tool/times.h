/* For how long processes had a GPU, as JSON. */
#ifndef HAMI_SIM_TIMES_H
#define HAMI_SIM_TIMES_H

#include "sim/common/machine.h"

/* Prints two members of an object: the instant for which times are told, and an object for each process, the ended ones
 * first; false without memory. Where the machine's state may be changed it is brought up to now first, so that the dead
 * count no further; else they count up to when somebody last did that. */
bool times_print(const struct machine *machine, unsigned gpu, bool writable);

#endif
