/* MIG devices as handles. */
#ifndef HAMI_SIM_NVML_MIG_H
#define HAMI_SIM_NVML_MIG_H

#include <stdbool.h>

/* Whether the process can see the MIG device with this index in the state: its GPU and its own capabilities. */
bool mig_is_visible(unsigned entry);

/* The place of a MIG device among those of its GPU that the process can see. */
unsigned mig_index(unsigned entry);

#endif
