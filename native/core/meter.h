/*
 * How long the GPU worked for this process, from what its events and the costs of its launches tell.
 *
 * While this process had the GPU alone, events tell how long it worked. Where others may have had it in between, it
 * worked no longer than events tell, and no longer than what was launched should take.
 */
#ifndef HAMI_CORE_METER_H
#define HAMI_CORE_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter {
    uint64_t elapsed, expected, counted; /* ns, summed up where others may have had the GPU */
};

/* Work has ended `elapsed` ns after the one that ended before it, and was expected to take `expected` ns. Returns by
 * how many ns the GPU has worked longer than was known. */
uint64_t meter_add(struct meter *meter, uint64_t elapsed, uint64_t expected, bool undisturbed);

#endif
