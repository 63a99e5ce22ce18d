/* Holding a process to its share: reserve, ask the driver, remember; and the way back. */
#ifndef HAMI_CORE_MEMORY_H
#define HAMI_CORE_MEMORY_H

#include "core/allocations.h"
#include "core/hooks.h"

/* The process's live allocations, by address and by handle of cuMemCreate. */
extern struct allocations addresses;
extern struct allocations handles;

/* Ends what gpu_reserve began, with the driver's answer: remembers the allocation under its key, or gives the bytes
 * back. False if it cannot be remembered: then the caller frees it, and it counts as refused. */
bool memory_keep(struct allocations *table, CUresult result, struct allocation allocation);

/* Around a call of the driver that frees: the key is taken out before it, because once the driver has freed it another
 * thread may get it anew, and put back if the driver refuses. */
struct allocation memory_freeing(struct allocations *table, uint64_t key);
CUresult memory_freed(struct allocations *table, struct allocation allocation, CUresult result);

#endif
