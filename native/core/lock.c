/* A lock between the threads of one process: how to wait for it. */
#include "core/lock.h"

#include "core/cancellation.h"

#include <sched.h>
#include <time.h>

#define LOCK_SPINS    64 /* loads, about the length of a section */
#define LOCK_YIELDS   16 /* then sleep: with real-time threads a holder of lower priority might never run otherwise */
#define LOCK_SLEEP_NS 50000

COLD void lock_wait(struct lock *lock) {
    int cancellation = cancellation_put_off();
    for (int waits = 0; atomic_exchange_explicit(&lock->held, true, memory_order_acquire); waits++) {
        for (int i = 0; i < LOCK_SPINS && atomic_load_explicit(&lock->held, memory_order_relaxed); i++)
            ;
        if (waits < LOCK_YIELDS)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = LOCK_SLEEP_NS}, NULL);
    }
    cancellation_restore(cancellation);
}

COLD bool lock_take_within(struct lock *lock, unsigned milliseconds) {
    unsigned tries = milliseconds * (1000000 / LOCK_SLEEP_NS);
    while (atomic_exchange_explicit(&lock->held, true, memory_order_acquire)) {
        if (tries-- == 0)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_SLEEP_NS}, NULL);
    }
    return true;
}
