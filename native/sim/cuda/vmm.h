/* Virtual memory management: what memory.c must know about reserved addresses that have memory mapped. */
#ifndef HAMI_SIM_VMM_H
#define HAMI_SIM_VMM_H

#include "sim/cuda/arena.h"

/* The mapping that contains the address, if there is one. */
CUresult vmm_range(const struct block *reservation, CUdeviceptr address, CUdeviceptr *start, size_t *size);

/* Tells whether all of it is mapped and accessible. */
CUresult vmm_access(const struct block *reservation, CUdeviceptr address, size_t size);

/* What is mapped at all of a range, if it is one mapping, and the offset in it. With the lock of physical.h held. */
bool vmm_physical(CUdeviceptr address, size_t size, unsigned *physical, uint64_t *offset);

#endif
