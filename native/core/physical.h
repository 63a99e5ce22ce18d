/* Memory of cuMemCreate on limited GPUs: it counts as long as a handle or a mapping keeps it. */
#ifndef HAMI_CORE_PHYSICAL_H
#define HAMI_CORE_PHYSICAL_H

#include "core/gpu.h"
#include "core/hooks.h"

/* One allocation of the driver's. Whoever has a pointer to it keeps it, until that is handed on or let go of. */
struct physical;

/* What refers to an allocation: a handle, or the addresses where it is mapped. */
struct reference {
    uint64_t start;
    uint64_t end;
    uint64_t count; /* of a handle: how often it must be released; of a mapping: 1 */
    struct physical *physical;
    struct reference *next; /* in a list of those that were taken out */
};

/* The bytes were reserved. NULL without memory: then they are still reserved. */
struct physical *physical_new(struct gpu *gpu, uint64_t bytes);

/* What a handle names, or what is mapped at an address. NULL if that is not counted. */
struct physical *physical_of_handle(CUmemGenericAllocationHandle handle);
struct physical *physical_at(CUdeviceptr address);

/* Hand the allocation on to what refers to it from now on. False without memory: it was let go of instead. */
bool physical_add_handle(struct physical *physical, CUmemGenericAllocationHandle handle);
bool physical_add_mapping(struct physical *physical, CUdeviceptr address, uint64_t bytes);

/* Around a call of the driver that ends a reference: it is taken out before it, because once the driver has ended it
 * another thread may get the same handle or address anew, and put back if the driver refuses. */
struct physical *physical_take_handle(CUmemGenericAllocationHandle handle);
struct reference *physical_take_mappings(CUdeviceptr address, uint64_t bytes);
void physical_end_mappings(struct reference *mappings);
void physical_restore_mappings(struct reference *mappings);

/* Gives the bytes back if nothing else keeps them. NULL is let go of without effect. */
void physical_let_go(struct physical *physical);

/* In a forked child: nothing is the child's. */
void physical_forget(void);

#endif
