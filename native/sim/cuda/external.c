/* Memory that another programming interface has allocated. None is simulated, so its memory is taken with the import,
 * and goes with the context at the latest.
 */
#include "sim/cuda/context.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct CUextMemory_st {
    struct context_part memory;
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
    result = context_take_part(&imported->memory, context, description->size);
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
    context_give_part(&memory->memory);
    free(memory);
    return CUDA_SUCCESS;
}
