/* Waiting for another thread's news: a number that changes. */
#ifndef HAMI_CORE_FUTEX_H
#define HAMI_CORE_FUTEX_H

#include "core/clock.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns when the number is no longer `seen`, after `ns`, or earlier. */
static inline void futex_wait(_Atomic uint32_t *number, uint32_t seen, uint64_t ns) {
    struct timespec limit = clock_timespec(ns);
    syscall(SYS_futex, number, FUTEX_WAIT_PRIVATE, seen, &limit, NULL, 0);
}

/* Changes the number and wakes all who wait. */
static inline void futex_tell(_Atomic uint32_t *number) {
    atomic_fetch_add(number, 1);
    syscall(SYS_futex, number, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

#endif
