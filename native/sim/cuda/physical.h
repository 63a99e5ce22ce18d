/* Physical allocations: the memory behind cuMemCreate's handles. */
#ifndef HAMI_SIM_PHYSICAL_H
#define HAMI_SIM_PHYSICAL_H

#include "sim/cuda/multicast.h"
#include "sim/cuda/shared_memory.h"

#include <stdbool.h>

#define PHYSICAL_GRANULARITY ((uint64_t)2 << 20) /* bytes: the page size of device memory */

/* An allocation, or a multicast object, which takes no memory itself. */
struct physical {
    CUmemLocation location;
    uint64_t size;
    uint64_t offset;              /* of its bytes in the process's file of device memory */
    struct shared_memory *shared; /* where its bytes are if it can be exported; else NULL */
    struct multicast *multicast;  /* NULL: memory */
    unsigned short usage;         /* what it was created for */
    unsigned handles;             /* references by cuMemCreate and cuMemRetainAllocationHandle */
    unsigned mappings;   /* references by addresses, tiles of arrays and multicast objects; without either it ends */
    unsigned generation; /* how often this entry was used before */
};

/* All of these are called with the lock held. */
void physical_lock(void);
void physical_unlock(void);

/* The device on which memory of that location lies. False: on none. A device is one locality domain. */
bool physical_device(CUmemLocation location, CUdevice *device);

/* Takes memory, of the device if it is to lie there; writes the allocation's index. */
CUresult physical_create(CUmemLocation location, uint64_t size, unsigned *index);

/* The same for memory that can be shared, which is of a device. */
CUresult physical_create_shared(CUmemLocation location, uint64_t size, unsigned *index);

/* A multicast object, which is freed with its last reference. It is of no device. */
CUresult physical_create_multicast(struct multicast *multicast, uint64_t size, unsigned *index);

/* Refers to memory that another process shares, or this one: which is then the one that there is. */
CUresult physical_import(int file, unsigned *index);

struct physical *physical_at(unsigned index);

/* A handle names an allocation and its generation, so that one that was released is not mistaken for another. */
CUmemGenericAllocationHandle physical_handle(unsigned index);
bool physical_find(CUmemGenericAllocationHandle handle, unsigned *index);

/* Gives the memory back if nothing refers to it any more. */
void physical_collect(unsigned index);

/* Maps its first `size` bytes at `address`, inaccessible. */
bool physical_map(unsigned index, CUdeviceptr address, uint64_t size);

#endif
