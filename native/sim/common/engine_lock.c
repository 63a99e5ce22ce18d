/* Who holds the lock has left in it the name of a queue that it owns, which the kernel knows to be alive or dead. From
 * the dead the lock is taken away: all that it protects changes in one step, so they have left nothing half done. A
 * name has the queue's generation in it, so that nobody mistakes the next owner of the queue for the last.
 */
#include "sim/common/engine_lock.h"

#include "sim/common/queues.h"

#include <pthread.h>
#include <time.h>

#define TRIES    32    /* without sleeping: the lock is held for less than a microsecond */
#define SLEEP_NS 50000 /* its holder has lost its processor, or is dead */

static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;

static uint64_t name_of(const struct machine *machine, uint32_t queue) {
    return (uint64_t)atomic_load(&machine->state->queues[queue].generation) << 32 | (queue + 1);
}

static bool is_dead(const struct machine *machine, uint64_t name) {
    uint32_t queue = (uint32_t)name - 1;
    pid_t pid;
    return queue >= SIM_MAX_QUEUES || name != name_of(machine, queue) || !queues_owner(machine, queue, &pid);
}

void engine_lock(const struct machine *machine, unsigned gpu, uint32_t own) {
    _Atomic uint64_t *holder = &machine->state->engines[gpu].holder;
    uint64_t name = name_of(machine, own);
    pthread_mutex_lock(&threads);
    for (unsigned tries = 1;; tries++) {
        uint64_t other = 0;
        if (atomic_compare_exchange_strong(holder, &other, name))
            return;
        if (tries % TRIES != 0)
            continue;
        if (is_dead(machine, other) && atomic_compare_exchange_strong(holder, &other, name))
            return;
        nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
    }
}

void engine_unlock(const struct machine *machine, unsigned gpu) {
    atomic_store(&machine->state->engines[gpu].holder, 0);
    pthread_mutex_unlock(&threads);
}
