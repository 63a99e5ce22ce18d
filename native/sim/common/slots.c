/* A slot is owned by whoever holds a record lock on its first byte.
 *
 * The kernel drops such a lock when its process dies, however it dies, and fork does not pass it on; asked for it, the
 * kernel names the owner in the PID namespace of whoever asks. All that a real driver learns of processes.
 *
 * Owners lock with F_SETLK, observers ask with F_OFD_GETLK: unlike F_GETLK, that also shows a process its own lock, so
 * libnvidia-ml need not know what libcuda did in the same process.
 */
#include "sim/common/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36 /* Linux 3.15; not in glibc 2.17's headers */
#endif

/* Record locks belong to a process as a whole, so its threads need something more to keep each other out. */
static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;

static struct flock byte_of(const struct machine *machine, const void *member, short type) {
    off_t offset = (const char *)member - (const char *)machine->state;
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
}

bool slots_lock(const struct machine *machine) {
    pthread_mutex_lock(&threads);
    struct flock lock = byte_of(machine, machine->state, F_WRLCK);
    while (fcntl(machine->fd, F_SETLKW, &lock) != 0) {
        if (errno != EINTR) {
            pthread_mutex_unlock(&threads);
            return false;
        }
    }
    return true;
}

void slots_unlock(const struct machine *machine) {
    struct flock lock = byte_of(machine, machine->state, F_UNLCK);
    fcntl(machine->fd, F_SETLK, &lock);
    pthread_mutex_unlock(&threads);
}

unsigned slots_count(const struct machine *machine) {
    return atomic_load(&machine->state->slots_seen);
}

bool slots_owner(const struct machine *machine, unsigned slot, pid_t *pid) {
    struct flock lock = byte_of(machine, &machine->state->slots[slot], F_WRLCK);
    if (fcntl(machine->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return false;
    *pid = lock.l_pid;
    return true;
}

static void wipe(const struct machine *machine, struct sim_slot *slot) {
    for (unsigned i = 0; i < machine->state->gpu_count; i++) {
        atomic_store(&slot->use[i].memory, 0);
        atomic_store(&slot->use[i].contexts, 0);
    }
}

/* Wipes the slot before owning it: what a dead process left must at no instant count as a living one's. */
static bool claim(const struct machine *machine, unsigned index) {
    pid_t owner;
    if (slots_owner(machine, index, &owner))
        return false;
    wipe(machine, &machine->state->slots[index]);
    struct flock lock = byte_of(machine, &machine->state->slots[index], F_WRLCK);
    return fcntl(machine->fd, F_SETLK, &lock) == 0;
}

int slots_claim(const struct machine *machine) {
    int claimed = -1;
    if (!slots_lock(machine))
        return -1;
    for (unsigned i = 0; claimed < 0 && i < SIM_MAX_SLOTS; i++) {
        if (i >= slots_count(machine))
            atomic_store(&machine->state->slots_seen, i + 1);
        if (claim(machine, i))
            claimed = (int)i;
    }
    slots_unlock(machine);
    return claimed;
}
