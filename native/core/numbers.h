/* Arithmetic on numbers that have no sign. */
#ifndef HAMI_CORE_NUMBERS_H
#define HAMI_CORE_NUMBERS_H

#include <stdint.h>

static inline uint64_t less_or_0(uint64_t from, uint64_t what) {
    return from > what ? from - what : 0;
}

/* Bytes, to which drivers round allocations of device memory up at the least. */
#define GRANULE 512

/* 0 of sizes that no memory has: those the driver refuses. */
static inline uint64_t whole_granules(uint64_t bytes) {
    return (bytes + GRANULE - 1) & ~(uint64_t)(GRANULE - 1);
}

#endif
