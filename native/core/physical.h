/* Memory of cuMemCreate on limited GPUs: it counts as long as anything refers to it. */
#ifndef HAMI_CORE_PHYSICAL_H
#define HAMI_CORE_PHYSICAL_H

#include "core/gpu.h"
#include "core/hooks.h"

/* One allocation of the driver's, or an object that takes no memory but keeps what is bound to it as long as anything
 * refers to it. Whoever has a pointer to it keeps it, until that is handed on or let go of. */
struct physical;

/* What can refer to memory, each a space of numbers of its own: handles; addresses; the tiles of an array, which has
 * the name; and what memory is bound to: an object, or a logical endpoint. */
enum space_kind { SPACE_HANDLES, SPACE_ADDRESSES, SPACE_ARRAY, SPACE_OBJECT, SPACE_ENDPOINT };

struct space {
    enum space_kind kind;
    uint64_t name; /* 0 where there is only one of the kind */
};

static inline struct space space_of_addresses(void) {
    return (struct space){.kind = SPACE_ADDRESSES};
}

static inline struct space space_of_array(uint64_t handle) {
    return (struct space){.kind = SPACE_ARRAY, .name = handle};
}

static inline struct space space_of_object(const struct physical *object) {
    return (struct space){.kind = SPACE_OBJECT, .name = (uint64_t)object};
}

static inline struct space space_of_endpoint(CUlogicalEndpointId endpoint) {
    return (struct space){.kind = SPACE_ENDPOINT, .name = endpoint};
}

/* One reference: a range of a space. Ranges of a space never overlap. */
struct reference {
    struct space space;
    uint64_t start;
    uint64_t end;
    uint64_t count; /* of a handle: how often it must be released; else 1 */
    struct physical *physical;
    struct reference *next; /* in a list of those that were taken out */
};

/* The bytes were reserved on the GPU, which is the device's. NULL without memory: then they are still reserved. An
 * object that takes none has no GPU. */
struct physical *physical_new(struct gpu *gpu, CUdevice device, uint64_t bytes);

/* What is referred to at a place of a space. NULL if that is not counted. */
struct physical *physical_at(struct space space, uint64_t place);
struct physical *physical_of_handle(CUmemGenericAllocationHandle handle);

CUdevice physical_device(const struct physical *physical);

/* Hand the allocation on to what refers to it from now on, in place of what did so before. False without memory: it was
 * let go of instead. */
bool physical_add(struct physical *physical, struct space space, uint64_t start, uint64_t end);
bool physical_add_handle(struct physical *physical, CUmemGenericAllocationHandle handle);

/* The same for an offset in what memory is bound to: that of different devices can be bound at the same one. What
 * counts nothing need not be kept. */
bool physical_bind(struct physical *physical, struct space space, uint64_t offset, uint64_t bytes);

/* Around a call of the driver that ends references: they are taken out before it, because once the driver has ended
 * them another thread may get the same handle or address anew, and put back if the driver refuses. Of a range that
 * sticks out, the rest stays. */
struct physical *physical_take_handle(CUmemGenericAllocationHandle handle);
struct reference *physical_take(struct space space, uint64_t start, uint64_t end);
struct reference *physical_take_all(struct space space);
struct reference *physical_take_bound(struct space space, CUdevice device, uint64_t offset, uint64_t bytes);
CUresult physical_taken(struct reference *taken, CUresult result);

/* Gives the bytes back if nothing else keeps them. NULL is let go of without effect. */
void physical_let_go(struct physical *physical);

/* In a forked child: nothing is the child's. */
void physical_forget(void);

#endif
