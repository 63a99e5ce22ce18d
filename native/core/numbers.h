/* Arithmetic on numbers that have no sign. */
#ifndef HAMI_CORE_NUMBERS_H
#define HAMI_CORE_NUMBERS_H

#include <stdint.h>

static inline uint64_t less_or_0(uint64_t from, uint64_t what) {
    return from > what ? from - what : 0;
}

#endif
