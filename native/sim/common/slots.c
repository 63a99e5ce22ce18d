/* A slot is owned by whoever holds a record lock on its first byte.
 *
 * The kernel drops such a lock when its process dies, however it dies, and fork does not pass it on; asked for it, the
 * kernel names the owner in the PID namespace of whoever asks. All that a real driver learns of processes.
 */
#include "sim/common/slots.h"

#include "sim/common/mig.h"
#include "sim/common/shared.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define TRIES 8 /* before a slot is taken that nobody has had */

/* Record locks belong to a process as a whole, so its threads need something more to keep each other out. */
static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;

bool slots_lock(const struct machine *machine) {
    pthread_mutex_lock(&threads);
    if (machine_lock(machine, machine->state, F_WRLCK, true))
        return true;
    pthread_mutex_unlock(&threads);
    return false;
}

void slots_unlock(const struct machine *machine) {
    machine_lock(machine, machine->state, F_UNLCK, false);
    pthread_mutex_unlock(&threads);
}

unsigned slots_count(const struct machine *machine) {
    return atomic_load(&machine->state->slots_seen);
}

bool slots_owner(const struct machine *machine, unsigned slot, pid_t *pid) {
    return machine_lock_owner(machine, &machine->state->slots[slot], pid);
}

bool slots_has_ended(const struct machine *machine, unsigned slot) {
    return atomic_load(&machine->state->slots[slot].ended) != 0;
}

/* A driver in the kernel knows at once who is gone. Here the kernel has to be asked about each slot that somebody has
 * left, and takes the longer the more processes live: so whoever can say that he ends does. */
static _Atomic(struct sim_slot *) own;
static pid_t own_pid;

__attribute__((destructor)) static void end(void) {
    struct sim_slot *slot = atomic_load(&own);
    if (slot != NULL && own_pid == getpid()) /* a forked child has none */
        atomic_store(&slot->ended, 1);
}

static void wipe(const struct machine *machine, unsigned slot) {
    shared_forget_maker(machine, slot);
    for (unsigned i = 0; i < mig_entries(machine->state); i++) {
        atomic_store(&slots_use(machine, slot, i)->memory, 0);
        atomic_store(&slots_use(machine, slot, i)->contexts, 0);
    }
    for (unsigned i = 0; i < SIM_CGROUP_DEPTH; i++)
        atomic_store(&machine->state->slots[slot].place.cgroups[i], 0);
    atomic_store(&machine->state->slots[slot].ended, 0);
}

/* Wipes the slot before owning it: what a dead process left must at no instant count as a living one's. */
static bool claim(const struct machine *machine, unsigned index) {
    pid_t owner;
    if (slots_owner(machine, index, &owner))
        return false;
    wipe(machine, index);
    return machine_lock(machine, &machine->state->slots[index], F_WRLCK, false);
}

static int claim_one_of(const struct machine *machine, unsigned first, unsigned tries) {
    unsigned count = slots_count(machine);
    for (unsigned i = 0; i < tries && i < count; i++)
        if (claim(machine, (first + i) % count))
            return (int)((first + i) % count);
    return -1;
}

static int claim_new(const struct machine *machine) {
    unsigned index = slots_count(machine);
    if (index == SIM_MAX_SLOTS)
        return -1;
    atomic_store(&machine->state->slots_seen, index + 1);
    return claim(machine, index) ? (int)index : -1;
}

/* To ask who owns a slot takes the kernel the longer the more are owned, so only a few are asked about. */
int slots_claim(const struct machine *machine) {
    if (!slots_lock(machine))
        return -1;
    int claimed = claim_one_of(machine, (unsigned)getpid(), TRIES);
    if (claimed < 0)
        claimed = claim_new(machine);
    if (claimed < 0)
        claimed = claim_one_of(machine, 0, SIM_MAX_SLOTS);
    if (claimed >= 0) {
        own_pid = getpid();
        atomic_store(&own, &machine->state->slots[claimed]);
    }
    slots_unlock(machine);
    return claimed;
}
