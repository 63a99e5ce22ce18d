/* The ledger: how much memory of each GPU is in use, exact whoever dies when. */
#ifndef HAMI_SIM_LEDGER_H
#define HAMI_SIM_LEDGER_H

#include "sim/common/machine.h"

#include <stdbool.h>

/* Rounds up to whole units of device memory. */
uint64_t ledger_round(uint64_t bytes);

/* Takes `bytes`, a multiple of SIM_UNIT, of the GPU's memory for the process in `slot`; false if they are not there. */
bool ledger_take(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes);

/* Gives back what was taken. */
void ledger_give(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes);

/* Gives it up for what is counted elsewhere from then on. With the slots' lock held, so that nobody takes it meanwhile.
 */
void ledger_hand_over(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes);

/* Bytes in use by the process in `slot`, dead or alive. */
uint64_t ledger_used_by(const struct machine *machine, unsigned slot, unsigned gpu);

/* Bytes in use by all living processes. Never more than the GPU has, though it is read while others allocate. */
uint64_t ledger_used(const struct machine *machine, unsigned gpu);

#endif
