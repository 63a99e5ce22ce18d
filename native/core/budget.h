/*
 * A share's account of GPU time, as arithmetic on one number: the instant up to which what was used is paid for.
 *
 * A share of 30 % that used the GPU for 3 ms has paid 10 ms further. While that instant lies in the past the share has
 * time left, while it lies ahead it is in debt. So what was used over any stretch of time is the share's part of it,
 * however long a kernel ran on. Times are ns of CLOCK_MONOTONIC, cores are percent from 1 to 99.
 */
#ifndef HAMI_CORE_BUDGET_H
#define HAMI_CORE_BUDGET_H

#include <stdint.h>

/* In this time a share that always has work gets one turn. Longer turns lose less to handing over, shorter ones have
 * others wait less. */
#define BUDGET_PERIOD_NS UINT64_C(40000000)

/* GPU time that is left; negative for a debt. */
int64_t budget_left(uint64_t paid_until, uint64_t now, unsigned cores);

/* What is left when a share that has used up its time should begin again: what comes together in a period without use.
 */
int64_t budget_enough(unsigned cores);

/* How long until `wanted` is left. 0 if it is. */
uint64_t budget_wait(uint64_t paid_until, uint64_t now, unsigned cores, int64_t wanted);

/* The account after a use of the GPU. */
uint64_t budget_charge(uint64_t paid_until, uint64_t now, unsigned cores, uint64_t used);

/* The account of a share that begins to want the GPU: time that it did not want is not saved, beyond one turn's. */
uint64_t budget_begin(uint64_t paid_until, uint64_t now, unsigned cores);

/* GPU time of one turn, after which others that wait have theirs. */
uint64_t budget_turn(unsigned cores);

#endif
