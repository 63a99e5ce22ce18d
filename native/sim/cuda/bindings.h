/* Physical allocations that are bound to an object, which keeps them. All is called with the lock of physical.h held.
 */
#ifndef HAMI_SIM_BINDINGS_H
#define HAMI_SIM_BINDINGS_H

#include "abi/cuda.h"
#include "sim/common/state.h"

#include <stdbool.h>

struct binding;

/* What devices have bound, and those that may. */
struct bindings {
    uint64_t size;  /* bytes, that each device may bind */
    unsigned team;  /* how many devices take part */
    unsigned added; /* how many of them are in `has` */
    bool has[SIM_MAX_GPUS];
    struct binding *first;
};

/* Only once all of the team are added can anything be bound. */
CUresult bindings_add_device(struct bindings *bindings, CUdevice device);

/* In place of a device: the one that has the memory. */
#define BINDING_OWN (-1)

/* Binds `size` bytes of an allocation, from an offset in the object and one in the allocation on. */
CUresult bindings_bind(struct bindings *bindings, CUdevice device, uint64_t start, unsigned physical, uint64_t offset,
                       uint64_t size);

/* The same for memory by its handle, and by its address. */
CUresult bindings_bind_memory(struct bindings *bindings, CUdevice device, uint64_t start,
                              CUmemGenericAllocationHandle memory, uint64_t offset, uint64_t size);
CUresult bindings_bind_address(struct bindings *bindings, CUdevice device, uint64_t start, CUdeviceptr address,
                               uint64_t size);

/* Whole bindings of the device, and nothing that is not bound. */
CUresult bindings_unbind(struct bindings *bindings, CUdevice device, uint64_t start, uint64_t size);

/* Unbinds everything. */
void bindings_end(struct bindings *bindings);

#endif
