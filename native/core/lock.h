/*
 * A lock between the threads of one process, for sections of a few stores.
 *
 * Half as dear as a pthread mutex, because unlocking is a plain store, and it needs no libpthread, which would make
 * every program that preloads us a threaded one on older C libraries. Whoever has to wait gives up the processor.
 */
#ifndef HAMI_CORE_LOCK_H
#define HAMI_CORE_LOCK_H

#include "core/cold.h"

#include <stdatomic.h>
#include <stdbool.h>

struct lock {
    atomic_bool held;
};

COLD void lock_wait(struct lock *lock);

/* False if it cannot be had within so many milliseconds, or a little more. */
COLD bool lock_take_within(struct lock *lock, unsigned milliseconds);

static inline void lock_take(struct lock *lock) {
    if (atomic_exchange_explicit(&lock->held, true, memory_order_acquire))
        lock_wait(lock);
}

static inline void lock_release(struct lock *lock) {
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
