/* All physical allocations of a process are parts of one sparse file without a name, so that memory that is mapped
 * twice holds the same bytes at both places. Offsets are never used twice: 2^63 bytes last longer than any process. */
#include "sim/cuda/physical.h"

#include "sim/cuda/process.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLOEXEC 1u /* MFD_CLOEXEC; glibc 2.17 knows nothing of memfd_create */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct physical *entries;
static unsigned entry_count;
static unsigned free_hint; /* no entry below is free */
static int file = -1;
static uint64_t file_size;

void physical_lock(void) {
    pthread_mutex_lock(&lock);
}

void physical_unlock(void) {
    pthread_mutex_unlock(&lock);
}

struct physical *physical_at(unsigned index) {
    return &entries[index];
}

static bool is_free(const struct physical *entry) {
    return entry->handles == 0 && entry->mappings == 0;
}

static bool extend_entries(void) {
    unsigned count = entry_count == 0 ? 64 : entry_count * 2;
    struct physical *more = realloc(entries, count * sizeof(*more));
    if (more == NULL)
        return false;
    for (unsigned i = entry_count; i < count; i++)
        more[i] = (struct physical){0};
    entries = more;
    entry_count = count;
    return true;
}

static bool find_free(unsigned *index) {
    while (free_hint < entry_count && !is_free(&entries[free_hint]))
        free_hint++;
    *index = free_hint;
    return free_hint < entry_count || extend_entries();
}

static bool extend_file(uint64_t size) {
    if (file < 0)
        file = (int)syscall(SYS_memfd_create, "device memory", CLOEXEC);
    if (file < 0 || ftruncate(file, (off_t)(file_size + size)) != 0)
        return false;
    file_size += size;
    return true;
}

bool physical_device(CUmemLocation location, CUdevice *device) {
    *device = location.id; /* with a domain: its lowest byte, of which the next is the domain */
    return location.type == CU_MEM_LOCATION_TYPE_DEVICE ||
           (location.type == CU_MEM_LOCATION_TYPE_DEVICE_LOCALITY_DOMAIN && location.id <= UINT8_MAX);
}

static CUresult take_memory(CUmemLocation location, uint64_t size) {
    CUdevice device;
    return physical_device(location, &device) ? process_take_memory(device, size) : CUDA_SUCCESS;
}

static void give_memory(CUmemLocation location, uint64_t size) {
    CUdevice device;
    if (physical_device(location, &device))
        process_give_memory(device, size);
}

/* With one handle. */
static void begin(unsigned index, struct physical entry) {
    entry.handles = 1;
    entry.generation = entries[index].generation;
    entries[index] = entry;
}

CUresult physical_create(CUmemLocation location, uint64_t size, unsigned *index) {
    if (!find_free(index))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = take_memory(location, size);
    if (result != CUDA_SUCCESS)
        return result;
    if (!extend_file(size)) {
        give_memory(location, size);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    begin(*index, (struct physical){.location = location, .size = size, .offset = file_size - size});
    return CUDA_SUCCESS;
}

CUresult physical_create_shared(CUmemLocation location, uint64_t size, unsigned *index) {
    CUdevice device;
    if (!physical_device(location, &device))
        return CUDA_ERROR_NOT_SUPPORTED;
    if (!find_free(index))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = process_take_memory(device, size);
    if (result != CUDA_SUCCESS)
        return result;
    struct shared_memory *shared = shared_memory_create(device, size);
    if (shared == NULL) {
        process_give_memory(device, size);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    begin(*index, (struct physical){.location = location, .size = size, .shared = shared});
    return CUDA_SUCCESS;
}

CUresult physical_create_multicast(struct multicast *multicast, uint64_t size, unsigned *index) {
    if (!find_free(index))
        return CUDA_ERROR_OUT_OF_MEMORY;
    begin(*index, (struct physical){.multicast = multicast, .size = size});
    return CUDA_SUCCESS;
}

static bool is_same(const struct shared_memory *one, const struct shared_memory *other) {
    return one != NULL && one->index == other->index && one->generation == other->generation;
}

CUresult physical_import(int descriptor, unsigned *index) {
    struct shared_memory *shared = shared_memory_open(descriptor);
    if (shared == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    for (*index = 0; *index < entry_count; ++*index)
        if (!is_free(&entries[*index]) && is_same(entries[*index].shared, shared)) {
            entries[*index].handles++;
            shared_memory_close(shared);
            return CUDA_SUCCESS;
        }
    if (!find_free(index)) {
        shared_memory_close(shared);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    CUmemLocation location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = shared->device};
    begin(*index, (struct physical){.location = location, .size = shared->size, .shared = shared});
    return CUDA_SUCCESS;
}

CUmemGenericAllocationHandle physical_handle(unsigned index) {
    return (uint64_t)entries[index].generation << 32 | (index + 1);
}

bool physical_find(CUmemGenericAllocationHandle handle, unsigned *index) {
    *index = (unsigned)(handle & UINT32_MAX) - 1;
    return *index < entry_count && entries[*index].handles > 0 && entries[*index].generation == handle >> 32;
}

void physical_collect(unsigned index) {
    struct physical *entry = &entries[index];
    if (!is_free(entry))
        return;
    if (entry->multicast != NULL) {
        multicast_free(entry->multicast);
    } else if (entry->shared != NULL) {
        shared_memory_close(entry->shared);
    } else {
        fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)entry->offset, (off_t)entry->size);
        give_memory(entry->location, entry->size);
    }
    entry->generation++;
    if (index < free_hint)
        free_hint = index;
}

bool physical_map(unsigned index, CUdeviceptr address, uint64_t size) {
    void *at = (void *)address;
    if (entries[index].multicast != NULL) /* the reservation's own pages do */
        return true;
    if (entries[index].shared != NULL)
        return shared_memory_map(entries[index].shared, address, size, PROT_NONE);
    return mmap(at, size, PROT_NONE, MAP_SHARED | MAP_FIXED, file, (off_t)entries[index].offset) == at;
}
