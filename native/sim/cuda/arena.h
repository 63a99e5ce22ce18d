/* The arena: the addresses of everything that the driver allocates in this process. */
#ifndef HAMI_SIM_ARENA_H
#define HAMI_SIM_ARENA_H

#include "abi/cuda.h"

#include <stdatomic.h>
#include <stdbool.h>

enum block_kind {
    BLOCK_FREE,
    BLOCK_DEVICE,      /* device memory */
    BLOCK_MANAGED,     /* memory that host and device share; takes none of the device's */
    BLOCK_HOST,        /* pinned host memory */
    BLOCK_RESERVATION, /* addresses only, for cuMemMap */
    BLOCK_IPC,         /* another process's device memory */
    BLOCK_GRAPH,       /* device memory that a graph has allocated, which has these addresses at every launch */
};

/* A run of addresses that was handed out. */
struct block {
    _Atomic uint32_t kind;
    _Atomic uint32_t next;        /* in the list of free blocks */
    uint32_t context;             /* in which it was allocated */
    _Atomic bool backed;          /* by pages that can be read and written */
    uint64_t size;                /* bytes, rounded up to SIM_UNIT */
    void *mappings;               /* of a reservation; see vmm.c */
    CUmemoryPool pool;            /* whose memory it is; NULL: none's */
    struct shared_memory *shared; /* where its bytes are if other processes may have them; else NULL */
};

/* Hands out addresses for `size` bytes, aligned to the next power of two of it and at least to a page. The block's kind
 * is still BLOCK_FREE: nobody else touches it until its taker sets the kind. Returns NULL when addresses run out. */
struct block *arena_take(uint64_t size);

/* Takes a block of `kind` out of use, if it still is: of two that free the same block, one succeeds. Its addresses are
 * handed out again after arena_put. */
bool arena_retire(struct block *block, enum block_kind kind);
void arena_put(struct block *block);

/* The block that contains the address, whatever its kind, or NULL. */
struct block *arena_find(CUdeviceptr address);

CUdeviceptr arena_address(const struct block *block);

/* The block's name in 32 bits, for the entry points of CUDA 2, whose addresses have no more. */
CUdeviceptr_v1 arena_name(const struct block *block);

/* The address of the block that a name means; what is too large for a name is an address itself. */
CUdeviceptr arena_address_of_name(CUdeviceptr name);

/* Gives the block pages, zeroed; they are real only once they are written. */
bool arena_back(struct block *block);

/* Tells whether the address belongs to the arena, handed out or not. */
bool arena_contains(CUdeviceptr address);

/* Calls `act` for every block that was ever handed out. */
void arena_each(void (*act)(struct block *block, unsigned argument), unsigned argument);

#endif
