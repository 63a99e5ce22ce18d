/*
 * Memory pools on limited GPUs.
 *
 * A pool's memory counts as the driver has it reserved, up to the release threshold also what the program has freed: it
 * is taken from the GPU all the same. Pools that a program has imported count with the process that exports them.
 */
#include "core/pools.h"

#include "core/devices.h"
#include "core/driver.h"
#include "core/inventory.h"

static bool reserved(uint64_t name, uint64_t *bytes) {
    return DRIVER(cuMemPoolGetAttribute)((CUmemoryPool)name, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, bytes) ==
           CUDA_SUCCESS;
}

static bool used(uint64_t name, uint64_t *bytes) {
    return DRIVER(cuMemPoolGetAttribute)((CUmemoryPool)name, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, bytes) == CUDA_SUCCESS;
}

static void trim(uint64_t name) {
    DRIVER(cuMemPoolTrimTo)((CUmemoryPool)name, 0);
}

static void end(uint64_t name) {
    DRIVER(cuMemPoolDestroy)((CUmemoryPool)name);
}

static const struct backing_kind made = {.reserved = reserved, .used = used, .trim = trim, .end = end};
static const struct backing_kind built_in = {.reserved = reserved, .used = used, .trim = trim};

bool pool_remember(CUmemoryPool pool, struct gpu *gpu) {
    return gpu == NULL || backing_of(&made, (uint64_t)pool, gpu) != NULL;
}

/* The GPU whose own pool this is. */
static struct gpu *gpu_of_default(CUmemoryPool pool) {
    int count = 0;
    DRIVER(cuDeviceGetCount)(&count);
    for (CUdevice device = 0; device < count; device++) {
        CUmemoryPool of_device;
        if (DRIVER(cuDeviceGetDefaultMemPool)(&of_device, device) == CUDA_SUCCESS && of_device == pool)
            return gpu_of_device(device);
    }
    return NULL;
}

bool pool_backing(CUmemoryPool pool, struct backing **backing) {
    *backing = NULL;
    if (!inventory_limits())
        return true;
    *backing = backing_find(&made, (uint64_t)pool);
    if (*backing == NULL)
        *backing = backing_find(&built_in, (uint64_t)pool);
    struct gpu *gpu = *backing == NULL ? gpu_of_default(pool) : NULL;
    if (gpu != NULL)
        *backing = backing_of(&built_in, (uint64_t)pool, gpu);
    return *backing != NULL || gpu == NULL;
}

/* As the driver does when a device's current pool is destroyed. */
static void replace_current(CUmemoryPool pool) {
    int count = 0;
    DRIVER(cuDeviceGetCount)(&count);
    for (CUdevice device = 0; device < count; device++) {
        CUmemoryPool current, of_device;
        if (DRIVER(cuDeviceGetMemPool)(&current, device) == CUDA_SUCCESS && current == pool &&
            DRIVER(cuDeviceGetDefaultMemPool)(&of_device, device) == CUDA_SUCCESS)
            DRIVER(cuDeviceSetMemPool)(device, of_device);
    }
}

/* The driver keeps a destroyed pool until its last allocation is freed, but no longer tells how large it is. So it is
 * destroyed only then. */
bool pool_retire(CUmemoryPool pool) {
    struct backing *backing = backing_find(&made, (uint64_t)pool);
    if (backing == NULL)
        return false;
    uint64_t keep_nothing = 0;
    replace_current(pool);
    DRIVER(cuMemPoolSetAttribute)(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep_nothing);
    backing_retire(backing);
    return true;
}
