/* What this process has allocated on limited GPUs: how much, and where, by what the driver gave for it. */
#ifndef HAMI_CORE_ALLOCATIONS_H
#define HAMI_CORE_ALLOCATIONS_H

#include "core/gpu.h"
#include "core/lock.h"

/* A table in parts, each with its own lock, so that threads rarely meet. All zero: empty. */
#define ALLOCATIONS_PARTS 64

struct allocation {
    uint64_t key; /* address or handle, never 0 */
    uint64_t bytes;
    struct gpu *gpu;
    bool managed; /* by the kernel's virtual memory, which moves it between host and device */
};

struct allocations {
    atomic_bool managed; /* one that is has been added */
    struct allocations_part {
        _Alignas(64) struct lock lock;
        uint32_t count;
        uint32_t capacity; /* a power of two, or 0 */
        struct allocation *entries;
    } parts[ALLOCATIONS_PARTS];
};

/* False without memory. A key that is there already is one whose end we have not seen: its bytes go back. */
bool allocations_add(struct allocations *table, const struct allocation *allocation);

/* Takes the key out. False if it is not there. */
bool allocations_remove(struct allocations *table, uint64_t key, struct allocation *allocation);

/* Takes out the keys of which `ended` says so, and gives their bytes back. A key is locked while it is asked about:
 * what another thread adds anew under it meanwhile stays. */
void allocations_remove_if(struct allocations *table, bool (*ended)(uint64_t key));

/* Bytes of what is managed, on one GPU. */
uint64_t allocations_managed(struct allocations *table, const struct gpu *gpu);

/* In a forked child: nothing is the child's. */
void allocations_forget(struct allocations *table);

#endif
