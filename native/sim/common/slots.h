/* Slots: which process is which, known from the kernel and not from the processes. */
#ifndef HAMI_SIM_SLOTS_H
#define HAMI_SIM_SLOTS_H

#include "sim/common/machine.h"

#include <stdbool.h>
#include <sys/types.h>

/* Takes the lock under which slots change owners and device memory is set aside; one thread of the process at a time.
 * The kernel drops it when the process dies, so nobody waits for the dead. Returns false if the kernel refuses. */
bool slots_lock(const struct machine *machine);
void slots_unlock(const struct machine *machine);

/* Gives this process a slot that uses nothing, until it dies; returns its index, or -1 if all are taken. */
int slots_claim(const struct machine *machine);

/* Tells whether a living process owns the slot, and writes its PID as seen from the caller's PID namespace, 0 if it is
 * not in there. */
bool slots_owner(const struct machine *machine, unsigned slot, pid_t *pid);

/* What the process in the slot uses of a GPU. */
static inline struct sim_use *slots_use(const struct machine *machine, unsigned slot, unsigned gpu) {
    return &machine->state->uses[gpu][slot];
}

/* Whether the slot's process has said that it ends. */
bool slots_has_ended(const struct machine *machine, unsigned slot);

/* How many slots can have an owner: the first ones. */
unsigned slots_count(const struct machine *machine);

#endif
