/* Device memory that this process shares with others, and the file that has its bytes. */
#ifndef HAMI_SIM_SHARED_MEMORY_H
#define HAMI_SIM_SHARED_MEMORY_H

#include "abi/cuda.h"

#include <stdbool.h>

struct shared_memory {
    int file; /* its bytes, from the start */
    CUdevice device;
    uint64_t size;  /* bytes */
    uint32_t index; /* which it is, on this machine */
    uint32_t generation;
};

/* Shares device memory that the process has taken. NULL: it cannot be shared. */
struct shared_memory *shared_memory_create(CUdevice device, uint64_t size);

/* Shares what another process, or this one, has made. `file` remains the caller's. NULL: it is none, it has ended, or
 * it is of a device that this process does not see. */
struct shared_memory *shared_memory_open(int file);

void shared_memory_close(struct shared_memory *memory);

/* Maps its first `size` bytes. */
bool shared_memory_map(const struct shared_memory *memory, CUdeviceptr address, uint64_t size, int protection);

#endif
