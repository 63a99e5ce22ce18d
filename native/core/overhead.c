/*
 * Memory that the driver takes for itself in this process: contexts, code, stacks, heaps, and what it rounds up.
 *
 * It is what this process has of the GPU by NVML, less what the accounts say of its allocations. Only its own row of
 * NVML's list is read, so no process waits for another, or is mistaken for one. What another thread has just reserved
 * and not yet allocated makes the difference too small until it is settled again.
 *
 * Memory that several processes have is in the row of the one that made it. When that lets go of it, NVIDIA's kernel
 * module passes it on to one of the others ("Choose the new owner" in mem.c, which gpuFindClientInfoWithPidIterator
 * reads), whose accounts do not know it: so it is part of the difference there.
 */
#include "core/overhead.h"

#include "core/backing.h"
#include "core/clock.h"
#include "core/devices.h"
#include "core/driver.h"
#include "core/inventory.h"
#include "core/memory.h"
#include "core/own_use.h"

/* Programs may look functions up all the time, and NVML takes many microseconds. */
#define PAUSE_NS (NS_PER_S / 10)

static const struct backing_kind overhead;

static uint64_t lesser(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/* Bytes that the accounts know to be allocations, as far as NVML counts them. */
static uint64_t allocated(const struct gpu *gpu, const struct backing *own) {
    uint64_t held = gpu_held(gpu);
    uint64_t elsewhere = backing_held(own) + allocations_managed(&addresses, gpu) + backings_managed(gpu);
    return held - lesser(held, elsewhere);
}

/* The accounts are looked at before and after NVML, because other threads allocate and free meanwhile. */
static bool reserved(uint64_t name, uint64_t *bytes) {
    const struct gpu *gpu = (const struct gpu *)name;
    const struct backing *own = backing_find(&overhead, name);
    uint64_t before = allocated(gpu, own), used;
    if (!own_use(gpu, before, &used))
        return false;
    uint64_t after = allocated(gpu, own);
    *bytes = used - lesser(used, after > before ? after : before);
    return true;
}

static const struct backing_kind overhead = {.reserved = reserved};

bool overhead_fits(struct gpu *gpu) {
    if (gpu == NULL)
        return true;
    struct backing *backing = backing_of(&overhead, (uint64_t)gpu, gpu);
    atomic_store(&gpu->stale, false);
    atomic_store(&gpu->counted_at, clock_ns());
    atomic_store(&gpu->counted, true);
    bool fits = backing != NULL && backing_end(backing, 0);
    if (!fits)
        atomic_store(&gpu->counted, false);
    else if (atomic_load(&gpu->inherits))
        overhead_is_stale(gpu);
    return fits;
}

void overhead_is_stale(struct gpu *gpu) {
    if (gpu == NULL || !atomic_load(&gpu->counted))
        return;
    atomic_store(&gpu->stale, true);
    atomic_store(&gpu->counted, false);
}

static void inherit(struct gpu *gpu) {
    atomic_store(&gpu->inherits, true);
    overhead_is_stale(gpu);
}

void overheads_inherit(void) {
    inventory_for_each(inherit);
}

/* Without a context on it there is nothing to count yet. What is only stale can wait. */
bool overhead_begin(struct gpu *gpu) {
    if (atomic_load(&gpu->stale) && clock_ns() < atomic_load(&gpu->counted_at) + PAUSE_NS)
        return true;
    CUdevice device;
    bool has_context = DRIVER(cuCtxGetDevice)(&device) == CUDA_SUCCESS && gpu_of_device(device) == gpu;
    return !has_context || overhead_fits(gpu);
}

static void refresh(struct gpu *gpu) {
    if (atomic_load_explicit(&gpu->stale, memory_order_relaxed))
        (void)overhead_begin(gpu);
}

void overheads_refresh(void) {
    inventory_for_each(refresh);
}

void overhead_settle(struct gpu *gpu) {
    struct backing *backing = backing_find(&overhead, (uint64_t)gpu);
    if (backing != NULL)
        backing_settle(backing);
}

/* The next context may come to be without our seeing it. */
static void settle_anew(struct gpu *gpu) {
    atomic_store(&gpu->stale, false);
    atomic_store(&gpu->counted, false);
    overhead_settle(gpu);
}

void overheads_settle(void) {
    inventory_for_each(settle_anew);
}
