/* Memory that another programming interface has allocated. None is simulated, so its memory is taken with the import.
 */
#include "sim/common/ledger.h"
#include "sim/cuda/context.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct CUextMemory_st {
    CUdevice device;
    uint64_t size;
};

static bool is_file(const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *description) {
    return description->type == CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD && fcntl(description->handle.fd, F_GETFD) >= 0;
}

/* The driver takes the descriptor over, if it succeeds. */
CUresult cuImportExternalMemory(CUexternalMemory *memory, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *description) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (memory == NULL || description == NULL || description->size == 0 || !is_file(description))
        return CUDA_ERROR_INVALID_VALUE;
    CUexternalMemory imported = malloc(sizeof *imported);
    if (imported == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *imported = (struct CUextMemory_st){context->device, ledger_round(description->size)};
    result = process_take_memory(imported->device, imported->size);
    if (result != CUDA_SUCCESS) {
        free(imported);
        return result;
    }
    close(description->handle.fd);
    *memory = imported;
    return CUDA_SUCCESS;
}

CUresult cuDestroyExternalMemory(CUexternalMemory memory) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (memory == NULL)
        return CUDA_ERROR_INVALID_HANDLE;
    process_give_memory(memory->device, memory->size);
    free(memory);
    return CUDA_SUCCESS;
}
