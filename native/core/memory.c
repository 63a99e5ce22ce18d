/* Holding a process to its share: reserve, ask the driver, remember; and the way back. */
#include "core/memory.h"

struct allocations addresses;
struct allocations handles;

bool memory_keep(struct allocations *table, CUresult result, struct allocation allocation) {
    if (allocation.gpu == NULL)
        return true;
    if (result == CUDA_SUCCESS && allocations_add(table, allocation))
        return true;
    gpu_give_back(allocation.gpu, allocation.bytes);
    return result != CUDA_SUCCESS;
}

struct allocation memory_freeing(struct allocations *table, uint64_t key) {
    struct allocation allocation = {0};
    allocations_remove(table, key, &allocation);
    return allocation;
}

CUresult memory_freed(struct allocations *table, struct allocation allocation, CUresult result) {
    if (allocation.gpu == NULL)
        return result;
    if (result == CUDA_SUCCESS)
        gpu_give_back(allocation.gpu, allocation.bytes);
    else
        (void)allocations_add(table, allocation); /* it has room: the entry has just been taken out */
    return result;
}
