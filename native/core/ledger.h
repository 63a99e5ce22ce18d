/* The ledger of a region: taking and giving back bytes, exactly, whoever is killed when. See abi/share.h. */
#ifndef HAMI_CORE_LEDGER_H
#define HAMI_CORE_LEDGER_H

#include "abi/share.h"

/* Takes as many bytes as fit below the limit, between at_least and at_most. Returns how many: 0 if at_least do not fit.
 * The caller holds the slot, and no other thread of it is in here with the same one. */
uint64_t ledger_take(struct hami_region *region, uint32_t slot, uint64_t at_least, uint64_t at_most, uint64_t limit);

/* Gives back at_most bytes, or what the slot holds if that is less. Returns how many. */
uint64_t ledger_give(struct hami_region *region, uint32_t slot, uint64_t at_most);

/* Ends, one way or the other, what a dead holder of the slot may have left half done. */
void ledger_finish(struct hami_region *region, uint32_t slot);

/* Bytes that the slot holds. */
uint64_t ledger_held(const struct hami_slot *slot);

/* Bytes in use by the whole share. */
uint64_t ledger_used(const struct hami_region *region);

#endif
