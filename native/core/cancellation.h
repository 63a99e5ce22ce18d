/*
 * A thread that the program cancels (pthread_cancel) ends in the next call of the C library that may wait. Where we
 * make such calls it must not: others would wait for good for what it has locked, and what it has reserved would count
 * for good.
 */
#ifndef HAMI_CORE_CANCELLATION_H
#define HAMI_CORE_CANCELLATION_H

#include <pthread.h>

/* Puts it off; the other one takes what that returned. */
static inline int cancellation_put_off(void) {
    int before = PTHREAD_CANCEL_ENABLE; /* older C libraries leave it so in a program without threads */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void cancellation_restore(int before) {
    pthread_setcancelstate(before, &before);
}

#endif
