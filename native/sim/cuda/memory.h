/* Memory that the driver allocates, and access to it. */
#ifndef HAMI_SIM_MEMORY_H
#define HAMI_SIM_MEMORY_H

#include "abi/cuda.h"

/* Frees everything that was allocated in the context with this index. */
void memory_free_all_of(unsigned context);

/* Makes `size` bytes at `address` readable and writable by this process's host code, if they lie within one allocation
 * or outside of all that the driver handed out, where the caller's own memory lies. */
CUresult memory_access(CUdeviceptr address, size_t size);

#endif
