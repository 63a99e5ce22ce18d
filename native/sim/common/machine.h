/* The simulated machine as one process sees it: its mapped state, and the GPUs whose device nodes it can open. */
#ifndef HAMI_SIM_MACHINE_H
#define HAMI_SIM_MACHINE_H

#include "sim/common/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct machine {
    struct sim_state *state;
    int fd;
};

enum machine_status {
    MACHINE_OK,
    MACHINE_ABSENT,  /* there is no state file, or it cannot be opened */
    MACHINE_FOREIGN, /* it is not a state file, or one of another layout */
};

/* Writes the root of the machine to which the library or program at `path` belongs ("" for "/"): the folder that holds
 * its lib or usr/lib. Returns false if `path` has no such parent or is too long. */
bool machine_root(const char *path, char *root, size_t size);

/* Maps the state file at `path`; read-only unless `write`. */
enum machine_status machine_open(struct machine *machine, const char *path, bool write);

/* Changes this process's record lock (F_RDLCK, F_WRLCK, F_UNLCK) on the first byte of something in the state. False if
 * another process's keeps it out, or if the kernel refuses. */
bool machine_lock(const struct machine *machine, const void *member, short type, bool wait);

/* Waits for a lock there that belongs to this mapping's descriptor: it keeps out, and does not disturb, the record
 * locks of the process that calls, which another of its libraries may have. */
bool machine_lock_apart(const struct machine *machine, const void *member, short type);

/* Tells whether a living process has a record lock there, and writes the PID of one as the caller's PID namespace has
 * it, 0 if it is not in there. */
bool machine_lock_owner(const struct machine *machine, const void *member, pid_t *pid);

/* Finds the machine to which the calling library belongs and maps its state. The file stays open for the life of the
 * process: closing any descriptor of it would drop the process's record locks. */
enum machine_status machine_open_own(struct machine *machine, bool write);

/* Whether this process can open a device node, by its path below the machine's /dev. */
bool machine_can_open(const char *node);

/* Fills `gpus` with the indices of the GPUs that this process may use, in PCI order; returns how many. Like the real
 * driver, it tells by the device nodes: a container has those of its own GPUs only. */
unsigned machine_usable_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]);

#endif
