/* The simulated machine as one process sees it: its mapped state, and the GPUs whose device nodes it can open. */
#ifndef HAMI_SIM_MACHINE_H
#define HAMI_SIM_MACHINE_H

#include "sim/common/state.h"

#include <stdbool.h>
#include <stddef.h>

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

/* Finds the machine to which the calling library belongs and maps its state. The file stays open for the life of the
 * process: closing any descriptor of it would drop the process's record locks. */
enum machine_status machine_open_own(struct machine *machine, bool write);

/* Fills `gpus` with the indices of the GPUs that this process may use, in PCI order; returns how many. Like the real
 * driver, it tells by the device nodes: a container has those of its own GPUs only. */
unsigned machine_usable_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]);

#endif
