/*
 * Memory that another programming interface, such as Vulkan, has allocated: cuImportExternalMemory.
 *
 * It counts while it is imported. Whether it lies on the device at all, the driver does not tell.
 */
#include "core/context_handles.h"
#include "core/devices.h"
#include "core/driver.h"

CUresult cuImportExternalMemory(CUexternalMemory *memory, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *description) {
    struct gpu *gpu = description != NULL ? gpu_of_current_context() : NULL;
    uint64_t bytes = gpu != NULL ? description->size : 0;
    if (!gpu_reserve(gpu, bytes))
        return refuse_in_current_context();
    CUresult result = DRIVER(cuImportExternalMemory)(memory, description);
    if (result != CUDA_SUCCESS) {
        gpu_give_back(gpu, bytes);
        return result;
    }
    if (gpu == NULL || context_handles_keep((struct allocation){.key = (uint64_t)*memory, .bytes = bytes, .gpu = gpu}))
        return result;
    DRIVER(cuDestroyExternalMemory)(*memory);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuDestroyExternalMemory(CUexternalMemory memory) {
    struct allocations *table = NULL;
    struct allocation import = context_handles_freeing((uint64_t)memory, &table);
    return context_handles_freed(import, table, DRIVER(cuDestroyExternalMemory)(memory));
}
