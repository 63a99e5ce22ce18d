/* Addresses without a search and without a lock.
 *
 * One large run of the process's addresses is reserved at first use. It is cut into regions of equal length, one per
 * power of two; a region is an array of blocks of that size. So an address itself says where its block's record is, and
 * blocks that were freed wait in one list per region.
 *
 * Nothing of it has pages until somebody copies or writes: a 16 GiB allocation costs a record, and a program that
 * reads device memory on the host faults, as it would on a GPU.
 */
#include "sim/cuda/arena.h"

#include "sim/common/ledger.h"

#include <pthread.h>
#include <sys/mman.h>

#define SMALLEST        16 /* blocks of 64 KiB, the largest page size in use */
#define REGIONS         24 /* up to blocks of 512 GiB */
#define LARGEST_REGION  41 /* 2 TiB of addresses each, less where the process's address space is small */
#define SMALLEST_REGION 33

struct region {
    struct block *blocks;
    _Atomic uint32_t used; /* blocks from here on were never handed out */
    /* Free blocks: low half the first one's index + 1, high half a count of changes, so that a compare-and-swap
     * notices when the first block was taken and put back meanwhile. */
    _Atomic uint64_t free;
};

static struct region regions[REGIONS];
static char *base;
static unsigned region_bits;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *reserve(uint64_t size, int protection) {
    void *addresses = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return addresses == MAP_FAILED ? NULL : addresses;
}

static uint64_t blocks_in(unsigned region) {
    unsigned bits = SMALLEST + region;
    return region_bits < bits ? 0 : 1ull << (region_bits - bits);
}

static void reserve_arena(void) {
    region_bits = LARGEST_REGION;
    char *start = reserve((REGIONS + 1ull) << region_bits, PROT_NONE);
    while (start == NULL && region_bits > SMALLEST_REGION)
        start = reserve((REGIONS + 1ull) << --region_bits, PROT_NONE);
    if (start == NULL)
        return;
    /* The spare region makes room to align the others: a block's address is a multiple of its size. */
    base = start + (-(uintptr_t)start & ((1ull << region_bits) - 1));
    for (unsigned i = 0; i < REGIONS; i++)
        if (blocks_in(i) != 0)
            regions[i].blocks = reserve(blocks_in(i) * sizeof(struct block), PROT_READ | PROT_WRITE);
}

static unsigned smallest_region_for(uint64_t size) {
    unsigned region = 0;
    while (region < REGIONS && (1ull << (SMALLEST + region)) < size)
        region++;
    return region;
}

static struct block *pop(struct region *region) {
    uint64_t head = atomic_load(&region->free);
    while ((uint32_t)head != 0) {
        struct block *first = &region->blocks[(uint32_t)head - 1];
        uint64_t rest = ((head >> 32) + 1) << 32 | atomic_load(&first->next);
        if (atomic_compare_exchange_weak(&region->free, &head, rest))
            return first;
    }
    return NULL;
}

static struct block *extend(unsigned index) {
    struct region *region = &regions[index];
    uint32_t used = atomic_load(&region->used);
    while (used < blocks_in(index))
        if (atomic_compare_exchange_weak(&region->used, &used, used + 1))
            return &region->blocks[used];
    return NULL;
}

static unsigned region_of(const struct block *block) {
    unsigned i = 0;
    while (block < regions[i].blocks || block >= regions[i].blocks + blocks_in(i))
        i++;
    return i;
}

struct block *arena_take(uint64_t size) {
    pthread_once(&once, reserve_arena);
    for (unsigned i = smallest_region_for(size); base != NULL && i < REGIONS; i++) {
        if (regions[i].blocks == NULL)
            continue;
        struct block *block = pop(&regions[i]);
        if (block == NULL)
            block = extend(i);
        if (block != NULL) {
            block->size = ledger_round(size);
            return block;
        }
    }
    return NULL;
}

bool arena_retire(struct block *block, enum block_kind kind) {
    uint32_t expected = kind;
    return atomic_compare_exchange_strong(&block->kind, &expected, BLOCK_FREE);
}

void arena_put(struct block *block) {
    if (atomic_exchange(&block->backed, false))
        mmap((void *)arena_address(block), block->size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    struct region *region = &regions[region_of(block)];
    uint64_t head = atomic_load(&region->free);
    uint64_t first;
    do {
        atomic_store(&block->next, (uint32_t)head);
        first = ((head >> 32) + 1) << 32 | (uint32_t)(block - region->blocks + 1);
    } while (!atomic_compare_exchange_weak(&region->free, &head, first));
}

CUdeviceptr arena_address(const struct block *block) {
    unsigned i = region_of(block);
    return (CUdeviceptr)base + ((uint64_t)i << region_bits) + ((uint64_t)(block - regions[i].blocks) << (SMALLEST + i));
}

CUdeviceptr_v1 arena_name(const struct block *block) {
    return (CUdeviceptr_v1)((arena_address(block) - (CUdeviceptr)base) >> SMALLEST) + 1;
}

CUdeviceptr arena_address_of_name(CUdeviceptr name) {
    return name == 0 || name > UINT32_MAX ? name : (CUdeviceptr)base + ((name - 1) << SMALLEST);
}

bool arena_contains(CUdeviceptr address) {
    return base != NULL && (address - (CUdeviceptr)base) >> region_bits < REGIONS;
}

struct block *arena_find(CUdeviceptr address) {
    if (!arena_contains(address))
        return NULL;
    uint64_t offset = address - (CUdeviceptr)base;
    unsigned i = (unsigned)(offset >> region_bits);
    uint64_t index = (offset & ((1ull << region_bits) - 1)) >> (SMALLEST + i);
    if (index >= atomic_load(&regions[i].used))
        return NULL;
    struct block *block = &regions[i].blocks[index];
    return address - arena_address(block) < block->size ? block : NULL;
}

bool arena_back(struct block *block) {
    if (atomic_load(&block->backed))
        return true;
    if (mprotect((void *)arena_address(block), block->size, PROT_READ | PROT_WRITE) != 0)
        return false;
    atomic_store(&block->backed, true);
    return true;
}

void arena_each(void (*act)(struct block *block, unsigned argument), unsigned argument) {
    for (unsigned i = 0; i < REGIONS; i++)
        for (uint32_t k = 0; k < atomic_load(&regions[i].used); k++)
            act(&regions[i].blocks[k], argument);
}
