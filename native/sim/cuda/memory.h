/* Memory that the driver allocates, and access to it. */
#ifndef HAMI_SIM_MEMORY_H
#define HAMI_SIM_MEMORY_H

#include "abi/cuda.h"

/* Allocates device memory of a pool. It belongs to no context: the given one is what it shows. */
CUresult memory_allocate_from(CUmemoryPool pool, CUdeviceptr *pointer, size_t size, CUcontext context);

/* Frees everything that was allocated in the context with this index, but for memory of pools. */
void memory_free_all_of(unsigned context);

/* Makes `size` bytes at `address` readable and writable by this process's host code, if they lie within one allocation
 * or outside of all that the driver handed out, where the caller's own memory lies. */
CUresult memory_access(CUdeviceptr address, size_t size);

#endif
