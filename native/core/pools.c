/*
 * Memory pools on limited GPUs.
 *
 * A pool's memory counts as the driver has it reserved, up to the release threshold also what the program has freed: it
 * is taken from the GPU all the same. Pools that a program has imported count with the process that exports them.
 *
 * Managed memory counts as a whole wherever it lies, as that of cuMemAllocManaged does: the driver moves it to the GPU
 * whenever that uses it.
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

/* The driver may reserve managed memory only as it is used. */
static bool reserved_managed(uint64_t name, uint64_t *bytes) {
    uint64_t in_use;
    if (!reserved(name, bytes) || !used(name, &in_use))
        return false;
    *bytes = *bytes > in_use ? *bytes : in_use;
    return true;
}

static const struct backing_kind made = {reserved, used, trim, end, .managed = false};
static const struct backing_kind made_managed = {reserved_managed, used, trim, end, .managed = true};
static const struct backing_kind built_in = {reserved, used, trim, .end = NULL, .managed = false};
static const struct backing_kind built_in_managed = {reserved_managed, used, trim, .end = NULL, .managed = true};

/* Managed memory that prefers no device may come to any: it counts where the program is just then at work. */
static struct gpu *gpu_of(const CUmemLocation *location, CUmemAllocationType type) {
    CUdevice device;
    if (type != CU_MEM_ALLOCATION_TYPE_MANAGED || location->type == CU_MEM_LOCATION_TYPE_DEVICE)
        return gpu_of_location(location);
    return gpu_of_device(DRIVER(cuCtxGetDevice)(&device) == CUDA_SUCCESS ? device : 0);
}

bool pool_remember(CUmemoryPool pool, const CUmemLocation *location, CUmemAllocationType type) {
    struct gpu *gpu = gpu_of(location, type);
    const struct backing_kind *kind = type == CU_MEM_ALLOCATION_TYPE_MANAGED ? &made_managed : &made;
    return gpu == NULL || backing_of(kind, (uint64_t)pool, gpu) != NULL;
}

/* Those that were made first: programs use them most, and built-in ones of managed memory least. */
static struct backing *find(CUmemoryPool pool) {
    static const struct backing_kind *const kinds[] = {&made, &built_in, &made_managed, &built_in_managed};
    struct backing *backing = NULL;
    for (int i = 0; backing == NULL && i < 4; i++)
        backing = backing_find(kinds[i], (uint64_t)pool);
    return backing;
}

/* It may be one that the program has made and set. */
bool pool_remember_built_in(CUmemoryPool pool, const CUmemLocation *location, CUmemAllocationType type) {
    struct gpu *gpu = gpu_of(location, type);
    const struct backing_kind *kind = type == CU_MEM_ALLOCATION_TYPE_MANAGED ? &built_in_managed : &built_in;
    return gpu == NULL || find(pool) != NULL || backing_of(kind, (uint64_t)pool, gpu) != NULL;
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

bool pool_is_retired(CUmemoryPool pool) {
    return backing_is_retired(&made, (uint64_t)pool) || backing_is_retired(&made_managed, (uint64_t)pool);
}

CUresult pool_backing(CUmemoryPool pool, struct backing **backing) {
    *backing = NULL;
    if (!inventory_limits() || (*backing = find(pool)) != NULL)
        return CUDA_SUCCESS;
    if (pool_is_retired(pool))
        return CUDA_ERROR_INVALID_VALUE;
    struct gpu *gpu = gpu_of_default(pool);
    if (gpu != NULL)
        *backing = backing_of(&built_in, (uint64_t)pool, gpu);
    return *backing != NULL || gpu == NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* As the driver does when a place's current pool is destroyed. */
static void replace_managed(CUmemoryPool pool, CUmemLocation location) {
    CUmemoryPool current, of_place;
    CUmemAllocationType type = CU_MEM_ALLOCATION_TYPE_MANAGED;
    if (DRIVER(cuMemGetMemPool)(&current, &location, type) == CUDA_SUCCESS && current == pool &&
        DRIVER(cuMemGetDefaultMemPool)(&of_place, &location, type) == CUDA_SUCCESS)
        DRIVER(cuMemSetMemPool)(&location, type, of_place);
}

static void replace_current(CUmemoryPool pool) {
    int count = 0;
    DRIVER(cuDeviceGetCount)(&count);
    for (CUdevice device = 0; device < count; device++) {
        CUmemoryPool current, of_device;
        if (DRIVER(cuDeviceGetMemPool)(&current, device) == CUDA_SUCCESS && current == pool &&
            DRIVER(cuDeviceGetDefaultMemPool)(&of_device, device) == CUDA_SUCCESS)
            DRIVER(cuDeviceSetMemPool)(device, of_device);
        replace_managed(pool, (CUmemLocation){CU_MEM_LOCATION_TYPE_DEVICE, device});
    }
    replace_managed(pool, (CUmemLocation){.type = CU_MEM_LOCATION_TYPE_NONE});
    replace_managed(pool, (CUmemLocation){.type = CU_MEM_LOCATION_TYPE_HOST});
}

/* The driver keeps a destroyed pool until its last allocation is freed, but no longer tells how large it is. So it is
 * destroyed only then. */
bool pool_retire(CUmemoryPool pool) {
    struct backing *backing = backing_find(&made, (uint64_t)pool);
    if (backing == NULL)
        backing = backing_find(&made_managed, (uint64_t)pool);
    if (backing == NULL)
        return false;
    uint64_t keep_nothing = 0;
    replace_current(pool);
    DRIVER(cuMemPoolSetAttribute)(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep_nothing);
    backing_retire(backing);
    return true;
}
