/* Memory that the driver allocates, and access to it. */
#ifndef HAMI_SIM_MEMORY_H
#define HAMI_SIM_MEMORY_H

#include "sim/cuda/shared_memory.h"
#include "sim/cuda/timeline.h"

/* Allocates memory of a pool. It belongs to no context: the given one is what it shows. */
CUresult memory_allocate_from(CUmemoryPool pool, CUdeviceptr *pointer, size_t size, CUcontext context);

/* Frees what starts at `pointer`, without waiting for what may use it. */
CUresult memory_free(CUdeviceptr pointer);

/* The same in the order of a timeline. Memory of pools is theirs at once: they do their work in the order of the calls.
 */
CUresult memory_free_late(CUdeviceptr pointer, struct timeline *timeline);

/* Frees everything that was allocated in the context with this index, but for memory of pools. */
void memory_free_all_of(unsigned context);

/* Has other processes able to have what was allocated at the address. */
CUresult memory_share(CUdeviceptr pointer, const struct shared_memory **shared);

/* Gives addresses to what another process has made, in the current context, and takes them back. */
CUresult memory_open(struct shared_memory *shared, CUdeviceptr *pointer);
CUresult memory_close(CUdeviceptr pointer);

/* Makes `size` bytes at `address` readable and writable by this process's host code, if they lie within one allocation
 * or outside of all that the driver handed out, where the caller's own memory lies. */
CUresult memory_access(CUdeviceptr address, size_t size);

#endif
