/*
 * A lock between the threads of one process, for sections of a few stores.
 *
 * Half as dear as a pthread mutex, because unlocking is a plain store, and it needs no libpthread, which would make
 * every program that preloads us a threaded one on older C libraries. Whoever has to wait gives up the processor.
 */
#ifndef HAMI_CORE_LOCK_H
#define HAMI_CORE_LOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

struct lock {
    atomic_bool held;
};

#define LOCK_SPINS    64 /* loads, about the length of a section */
#define LOCK_YIELDS   16 /* then sleep: with real-time threads a holder of lower priority might never run otherwise */
#define LOCK_SLEEP_NS 50000

static inline void lock_take(struct lock *lock) {
    for (int waits = 0; atomic_exchange_explicit(&lock->held, true, memory_order_acquire); waits++) {
        for (int i = 0; i < LOCK_SPINS && atomic_load_explicit(&lock->held, memory_order_relaxed); i++)
            ;
        if (waits < LOCK_YIELDS)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = LOCK_SLEEP_NS}, NULL);
    }
}

static inline void lock_release(struct lock *lock) {
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
