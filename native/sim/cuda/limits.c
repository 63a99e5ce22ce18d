/* What may be set of a context: the stacks, the printf buffer and the heap of kernels, which lie in device memory.
 *
 * The defaults are those of the real driver, and part of what a context costs; what goes beyond them is taken besides.
 */
#include "sim/cuda/limits.h"

#include "sim/common/ledger.h"
#include "sim/cuda/context.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <string.h>

#define THREADS_PER_MULTIPROCESSOR 2048u /* that run at once, each with a stack */

static const size_t defaults[CONTEXT_LIMITS] = {
    [CU_LIMIT_STACK_SIZE] = 1024,
    [CU_LIMIT_PRINTF_FIFO_SIZE] = 1 << 20,
    [CU_LIMIT_MALLOC_HEAP_SIZE] = 8 << 20,
};

void limits_set_defaults(size_t *limits) {
    memcpy(limits, defaults, sizeof(defaults));
}

/* Writes what a limit takes beyond its default; false if that is more than any device has. */
static bool cost_of(CUcontext context, CUlimit limit, size_t value, uint64_t *bytes) {
    const struct process *process = process_get();
    uint64_t multiprocessors = process->machine.state->gpus[process->gpus[context->device]].multiprocessors;
    uint64_t copies = limit == CU_LIMIT_STACK_SIZE ? multiprocessors * THREADS_PER_MULTIPROCESSOR : 1;
    uint64_t excess = value > defaults[limit] ? value - defaults[limit] : 0;
    if (__builtin_mul_overflow(excess, copies, bytes) || *bytes > UINT64_MAX / 2)
        return false;
    *bytes = ledger_round(*bytes);
    return true;
}

/* With the contexts' lock held. */
static CUresult set(CUcontext context, CUlimit limit, size_t value) {
    uint64_t old, new;
    if (!cost_of(context, limit, context->limits[limit], &old) || !cost_of(context, limit, value, &new))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = new > old ? context_take_memory(context, new - old) : CUDA_SUCCESS;
    if (result != CUDA_SUCCESS)
        return result;
    if (new < old)
        context_give_memory(context, old - new);
    context->limits[limit] = value;
    return CUDA_SUCCESS;
}

CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if ((unsigned)limit >= CONTEXT_LIMITS)
        return CUDA_ERROR_NOT_SUPPORTED;
    context_lock();
    result = set(context, limit, value);
    context_unlock();
    return result;
}

CUresult cuCtxGetLimit(size_t *value, CUlimit limit) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (value == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if ((unsigned)limit >= CONTEXT_LIMITS)
        return CUDA_ERROR_NOT_SUPPORTED;
    *value = context->limits[limit];
    return CUDA_SUCCESS;
}
