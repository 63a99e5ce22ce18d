/* Holding a process to its share: reserve, ask the driver, remember; and the way back. */
#include "core/memory.h"

#include "core/backing.h"
#include "core/context_handles.h"
#include "core/driver.h"
#include "core/overhead.h"
#include "core/stream_order.h"

struct allocations addresses;

bool memory_keep(CUresult result, struct allocation allocation) {
    if (allocation.gpu == NULL)
        return true;
    if (result == CUDA_SUCCESS && allocations_add(&addresses, &allocation))
        return true;
    gpu_give_back(allocation.gpu, allocation.bytes);
    return result != CUDA_SUCCESS;
}

struct allocation memory_freeing(CUdeviceptr address) {
    struct allocation allocation = {0};
    allocations_remove(&addresses, address, &allocation);
    return allocation;
}

CUresult memory_freed(struct allocation allocation, CUresult result) {
    if (allocation.gpu == NULL)
        return result;
    if (result == CUDA_SUCCESS)
        gpu_give_back(allocation.gpu, allocation.bytes);
    else
        (void)allocations_add(&addresses, &allocation); /* it has room: the entry has just been taken out */
    return result;
}

/* The driver alone knows what goes with a context: memory of a stream's pool, for one, does not. */
static bool is_freed(uint64_t address) {
    unsigned int type;
    return DRIVER(cuPointerGetAttribute)(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address) == CUDA_ERROR_INVALID_VALUE;
}

CUresult memory_freed_in_order(struct allocation allocation, CUstream stream, CUresult result) {
    if (allocation.gpu == NULL || result != CUDA_SUCCESS)
        return memory_freed(allocation, result);
    stream_order_free(stream, allocation);
    return result;
}

bool memory_reclaim(struct gpu *gpu) {
    bool collected = stream_order_collect();
    return backings_reclaim(gpu) || collected;
}

void memory_forget_freed(void) {
    allocations_remove_if(&addresses, is_freed);
    context_handles_forget_freed();
    backings_settle();
    overheads_settle();
}
