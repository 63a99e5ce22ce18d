/* Limits on the device memory that a cgroup's processes may have, as drivers from R615 on have them.
 *
 * The driver has two backends. "misc" needs nothing of the kernel but cgroup v2: of a process's cgroup and its
 * ancestors the nearest that has a limit counts, and no other. "dmem" is the kernel's controller: the limits of all of
 * them count.
 */
#ifndef HAMI_SIM_MEMORY_LIMITS_H
#define HAMI_SIM_MEMORY_LIMITS_H

#include "sim/common/cgroup.h"
#include "sim/common/machine.h"

#include <stdbool.h>
#include <stdint.h>

#define NO_LIMIT UINT64_MAX

struct memory_limit {
    uint64_t soft; /* bytes */
    uint64_t hard; /* bytes, NO_LIMIT if there is none */
    uint64_t used; /* bytes, by whom it limits */
};

/* Whether the driver is one that has them. */
bool limits_known(const struct machine *machine);

/* Whether the kernel's controller has them. */
bool limits_are_by_dmem(const struct machine *machine);

/* Whether any cgroup has a limit on the GPU: nothing else need be asked where none has. */
bool limits_exist(const struct machine *machine, unsigned gpu);

/* Writes where this process is into its slot, if the kernel has it elsewhere than the slot. With the slots' lock held,
 * or before anything is taken. */
void limits_place(const struct machine *machine, unsigned slot);

/* Whether the process in `slot` may have so many bytes more. With the slots' lock held. */
bool limits_allow(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes);

/* The limit of this cgroup itself; false if it has none and the backend does not know such cgroups. */
bool limits_get(const struct machine *machine, unsigned gpu, uint64_t cgroup, struct memory_limit *limit);

enum limits_result { LIMITS_SET, LIMITS_BELOW_USE, LIMITS_FULL };

/* Sets the limit of the cgroup whose directory is open; soft 0 and hard NO_LIMIT is none. With dmem a hard limit below
 * what is used changes nothing and is no error. With the slots' lock held. */
enum limits_result limits_set(const struct machine *machine, unsigned gpu, int directory, uint64_t soft, uint64_t hard);

/* Forgets all limits on the GPU. With the slots' lock held. */
void limits_forget(const struct machine *machine, unsigned gpu);

/* The total and free memory that a process in this cgroup is shown, which are the GPU's, or less. */
void limits_cap(const struct machine *machine, unsigned gpu, uint64_t cgroup, uint64_t *total, uint64_t *available);

#endif
