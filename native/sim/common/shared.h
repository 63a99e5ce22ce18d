/* Device memory that processes share: counted once, as long as any of them has it. */
#ifndef HAMI_SIM_SHARED_H
#define HAMI_SIM_SHARED_H

#include "sim/common/machine.h"

#include <stdbool.h>

/* Which memory it is, as one process may tell another. */
struct shared_name {
    uint32_t index;
    uint32_t generation;
};

/* Turns device memory that the process in `slot` has taken into memory that it shares. False if there is no room. */
bool shared_create(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes,
                   struct shared_name *name);

/* Has this process share it too, and no longer: it does or does not, however often. The second one is told its slot.
 * False if it has ended. */
bool shared_join(const struct machine *machine, struct shared_name name);
void shared_leave(const struct machine *machine, unsigned slot, struct shared_name name);

/* The GPU of memory that this process shares. */
unsigned shared_gpu(const struct machine *machine, struct shared_name name);

/* Entries that can be of shared memory: the first ones. And what one of them has of the GPU while processes share it.
 */
uint32_t shared_count(const struct machine *machine);
uint64_t shared_used_in(const struct machine *machine, uint32_t index, unsigned gpu);

/* Bytes of the GPU's memory that count as the process's: what it has made and shares, and of what its maker has let go
 * of what it has for another, of all that share it. As NVIDIA's kernel module has it, which passes such memory on. */
uint64_t shared_counted_for(const struct machine *machine, pid_t pid, unsigned gpu);

/* A slot is about to be another process's. */
void shared_forget_maker(const struct machine *machine, unsigned slot);

/* Bytes of the GPU's memory that living processes share. */
uint64_t shared_used(const struct machine *machine, unsigned gpu);

#endif
