/* Contexts live in one table, so that any handle can be checked; its first entries are the devices' primary ones. */
#include "sim/cuda/context.h"

#include "sim/common/ledger.h"
#include "sim/cuda/array.h"
#include "sim/cuda/capture.h"
#include "sim/cuda/deferred.h"
#include "sim/cuda/late.h"
#include "sim/cuda/limits.h"
#include "sim/cuda/memory.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/queue.h"
#include "sim/cuda/table.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_CREATED 1024 /* contexts besides the primary ones */
#define MAX_STACKED 64   /* contexts that a thread has pushed */

static struct CUctx_st contexts[SIM_MAX_GPUS + MAX_CREATED];
static unsigned long long last_id;
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static _Thread_local struct {
    unsigned depth;
    CUcontext context[MAX_STACKED];
} stack;

void context_lock(void) {
    pthread_mutex_lock(&table);
}

void context_unlock(void) {
    pthread_mutex_unlock(&table);
}

CUcontext context_primary(CUdevice device) {
    return &contexts[device];
}

CUcontext context_whole(CUcontext context) {
    return context->is_green ? context_primary(context->device) : context;
}

unsigned context_index(CUcontext context) {
    return (unsigned)(context - contexts);
}

CUcontext context_at(unsigned index) {
    return &contexts[index];
}

static bool is_alive(CUcontext context) {
    size_t offset = (size_t)((char *)context - (char *)contexts);
    return offset < sizeof(contexts) && offset % sizeof(contexts[0]) == 0 && atomic_load(&context->alive);
}

CUresult context_current(CUcontext *context) {
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (stack.depth == 0 || stack.context[stack.depth - 1] == NULL)
        return CUDA_ERROR_INVALID_CONTEXT;
    *context = stack.context[stack.depth - 1];
    return atomic_load(&(*context)->alive) ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

static void wait_ms(unsigned milliseconds) {
    struct timespec left = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    while (milliseconds != 0 && nanosleep(&left, &left) != 0)
        continue;
}

CUresult context_take_memory(CUcontext context, uint64_t bytes) {
    CUresult result = process_take_memory(context->device, bytes);
    if (result == CUDA_SUCCESS)
        atomic_fetch_add(&context->overhead, bytes);
    return result;
}

void context_give_memory(CUcontext context, uint64_t bytes) {
    atomic_fetch_sub(&context->overhead, bytes);
    process_give_memory(context->device, bytes);
}

CUresult context_take_part(struct context_part *part, CUcontext context, uint64_t bytes) {
    *part = (struct context_part){context, context->id, ledger_round(bytes)};
    return context_take_memory(context, part->bytes);
}

void context_give_part(const struct context_part *part) {
    context_lock();
    if (part->context != NULL && atomic_load(&part->context->alive) && part->context->id == part->context_id)
        context_give_memory(part->context, part->bytes);
    context_unlock();
}

CUresult context_establish(CUcontext context, CUdevice device, unsigned flags, unsigned api_version) {
    const struct sim_state *state = process_get()->machine.state;
    context->device = device;
    CUresult result = context_take_memory(context, state->context_memory);
    if (result != CUDA_SUCCESS)
        return result;
    wait_ms(state->context_ms);
    limits_set_defaults(context->limits);
    context->flags = flags;
    context->api_version = api_version;
    context->id = ++last_id;
    context->is_green = false;
    context->uses = 0;
    atomic_store(&context->user, 0);
    context->timeline = (struct timeline){.context = context, .kind = TIMELINE_DEFAULT};
    atomic_store(&context->blocking_end, 0);
    atomic_store(&context->end, 0);
    atomic_fetch_add(&process_use(device)->contexts, 1);
    atomic_store(&context->alive, true);
    return CUDA_SUCCESS;
}

bool context_may_spin(CUcontext context) {
    return (context->flags & CU_CTX_SCHED_MASK) != CU_CTX_SCHED_BLOCKING_SYNC;
}

void context_synchronize(CUcontext context) {
    deferred_wait_for_context(context);
    queue_wait(context->device, atomic_load(&context->end), context_may_spin(context));
}

void context_demolish(CUcontext context) {
    atomic_store(&context->alive, false);
    late_synchronize();
    memory_free_all_of(context_index(context));
    arrays_destroy_all_of(context);
    atomic_fetch_sub(&process_use(context->device)->contexts, 1);
    context_give_memory(context, atomic_load(&context->overhead));
}

/* A green context is one thread's at a time. The real driver does not see to that: it may crash, here it does. */
static void take_up(CUcontext context) {
    int self = (int)syscall(SYS_gettid), nobody = 0;
    if (!context->is_green)
        return;
    if (!atomic_compare_exchange_strong(&context->user, &nobody, self) && nobody != self)
        abort();
    context->uses++;
}

static CUresult push(CUcontext context) {
    if (stack.depth == MAX_STACKED)
        return CUDA_ERROR_OUT_OF_MEMORY;
    take_up(context);
    stack.context[stack.depth++] = context;
    return CUDA_SUCCESS;
}

static CUcontext pop(void) {
    CUcontext context = stack.context[--stack.depth];
    if (context->is_green && --context->uses == 0)
        atomic_store(&context->user, 0);
    return context;
}

static CUcontext unused_entry(void) {
    for (unsigned i = SIM_MAX_GPUS; i < SIM_MAX_GPUS + MAX_CREATED; i++)
        if (!atomic_load(&contexts[i].alive))
            return &contexts[i];
    return NULL;
}

CUresult context_create(CUcontext *context, CUdevice device, unsigned flags, unsigned api_version) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (context == NULL || (flags & ~CU_CTX_FLAGS_MASK) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    context_lock();
    CUcontext entry = unused_entry();
    result = entry == NULL ? CUDA_ERROR_OUT_OF_MEMORY : context_establish(entry, device, flags, api_version);
    context_unlock();
    if (result == CUDA_SUCCESS)
        *context = entry;
    return result;
}

static CUresult create(CUcontext *context, unsigned flags, CUdevice device, unsigned api_version) {
    CUresult result = context_create(context, device, flags, api_version);
    return result != CUDA_SUCCESS ? result : push(*context);
}

CUresult cuCtxCreate(CUcontext *context, unsigned int flags, CUdevice device) {
    return create(context, flags, device, 3010);
}

CUresult cuCtxCreate_v2(CUcontext *context, unsigned int flags, CUdevice device) {
    return create(context, flags, device, 3020);
}

/* Execution affinity needs MPS, which is not simulated. */
CUresult cuCtxCreate_v3(CUcontext *context, CUexecAffinityParam *affinity, int count, unsigned int flags,
                        CUdevice device) {
    if (affinity != NULL || count != 0)
        return CUDA_ERROR_NOT_SUPPORTED;
    return create(context, flags, device, 3020);
}

CUresult cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *params, unsigned int flags, CUdevice device) {
    if (params != NULL && (params->numExecAffinityParams != 0 || params->cigParams != NULL))
        return CUDA_ERROR_NOT_SUPPORTED;
    return create(context, flags, device, 3020);
}

CUresult cuCtxDestroy_v2(CUcontext context) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (is_alive(context))
        context_synchronize(context);
    context_lock();
    bool can = is_alive(context) && context_index(context) >= SIM_MAX_GPUS;
    if (can)
        context_demolish(context);
    context_unlock();
    if (can && stack.depth > 0 && stack.context[stack.depth - 1] == context)
        pop();
    return can ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult cuCtxDestroy(CUcontext context) {
    return cuCtxDestroy_v2(context);
}

/* There is one reference to each context, for there is no cuCtxAttach. */
CUresult cuCtxDetach(CUcontext context) {
    CUcontext current;
    CUresult result = context_current(&current);
    if (result == CUDA_SUCCESS && current != context)
        result = CUDA_ERROR_INVALID_CONTEXT;
    return result != CUDA_SUCCESS ? result : cuCtxDestroy_v2(context);
}

CUresult cuCtxPushCurrent_v2(CUcontext context) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    return is_alive(context) ? push(context) : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult cuCtxPushCurrent(CUcontext context) {
    return cuCtxPushCurrent_v2(context);
}

CUresult cuCtxPopCurrent_v2(CUcontext *context) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (stack.depth == 0)
        return CUDA_ERROR_INVALID_CONTEXT;
    CUcontext top = pop();
    if (context != NULL)
        *context = top;
    return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext *context) {
    return cuCtxPopCurrent_v2(context);
}

/* Replaces the top of the stack; NULL takes it away. */
CUresult cuCtxSetCurrent(CUcontext context) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (context != NULL && !is_alive(context))
        return CUDA_ERROR_INVALID_CONTEXT;
    if (stack.depth > 0)
        pop();
    return context == NULL ? CUDA_SUCCESS : push(context);
}

CUresult cuCtxGetCurrent(CUcontext *context) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (context == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *context = stack.depth > 0 ? stack.context[stack.depth - 1] : NULL;
    return CUDA_SUCCESS;
}

/* The context that a call is about: the given one, or the current one for NULL. */
static CUresult given_or_current(CUcontext given, CUcontext *context) {
    if (given == NULL)
        return context_current(context);
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    *context = given;
    return is_alive(given) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult cuCtxGetDevice_v2(CUdevice *device, CUcontext context) {
    CUresult result = given_or_current(context, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (device == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *device = context->device;
    return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice *device) {
    return cuCtxGetDevice_v2(device, NULL);
}

CUresult cuCtxGetFlags(unsigned int *flags) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (flags == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = context->flags;
    return CUDA_SUCCESS;
}

CUresult cuCtxGetId(CUcontext context, unsigned long long *id) {
    CUresult result = given_or_current(context, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (id == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *id = context->id;
    return CUDA_SUCCESS;
}

CUresult cuCtxGetApiVersion(CUcontext context, unsigned int *version) {
    CUresult result = given_or_current(context, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (version == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *version = context->api_version;
    return CUDA_SUCCESS;
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (least != NULL)
        *least = 0;
    if (greatest != NULL)
        *greatest = -5;
    return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize_v2(CUcontext context) {
    CUresult result = given_or_current(context, &context);
    if (result == CUDA_SUCCESS)
        result = capture_check_unsafe();
    if (result != CUDA_SUCCESS)
        return result;
    context_synchronize(context);
    pools_synchronize();
    late_synchronize();
    return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize(void) {
    return cuCtxSynchronize_v2(NULL);
}
