/* Memory on limited GPUs that the driver knows by handle, and frees with the context in which it was made. */
#ifndef HAMI_CORE_CONTEXT_HANDLES_H
#define HAMI_CORE_CONTEXT_HANDLES_H

#include "core/allocations.h"
#include "core/hooks.h"

/* Ends what gpu_reserve began: remembers the allocation under its handle, in the current context. False without memory:
 * then the bytes were given back. */
bool context_handles_keep(struct allocation allocation);

/* Around a call of the driver that destroys: the handle is taken out before it, and put back if the driver refuses. */
struct allocation context_handles_freeing(uint64_t handle, struct allocations **table);
CUresult context_handles_freed(struct allocation allocation, struct allocations *table, CUresult result);

/* Gives back what went with contexts that have ended. */
void context_handles_forget_freed(void);

/* In a forked child: nothing is the child's. */
void context_handles_forget(void);

#endif
