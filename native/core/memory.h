/* Holding a process to its share: reserve, ask the driver, remember; and the way back. */
#ifndef HAMI_CORE_MEMORY_H
#define HAMI_CORE_MEMORY_H

#include "core/allocations.h"
#include "core/hooks.h"

/* The process's live allocations by address, but for those of cuMemCreate: core/physical.h has them. */
extern struct allocations addresses;

/* Ends what gpu_reserve began, with the driver's answer: remembers the allocation under its key, or gives the bytes
 * back. False if it cannot be remembered: then the caller frees it, and it counts as refused. */
bool memory_keep(CUresult result, struct allocation allocation);

/* Around a call of the driver that frees: the key is taken out before it, because once the driver has freed it another
 * thread may get it anew, and put back if the driver refuses. */
struct allocation memory_freeing(CUdeviceptr address);
CUresult memory_freed(struct allocation allocation, CUresult result);

/* The second one where it is freed in the order of a stream. */
CUresult memory_freed_in_order(struct allocation allocation, CUstream stream, CUresult result);

/* Before an allocation is refused: whether something of the GPU could be given back. */
bool memory_reclaim(struct gpu *gpu);

/* Gives back what the driver no longer knows: it went with its context. */
void memory_forget_freed(void);

#endif
