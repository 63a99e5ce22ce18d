/*
 * Memory on limited GPUs that the driver knows by handle, and frees with the context in which it was made.
 *
 * The driver cannot be asked about a handle that it may no longer know, only about the context: so each has a table.
 */
#include "core/context_handles.h"

#include "core/current.h"
#include "core/physical.h"

#include <stdlib.h>

struct context {
    CUcontext handle; /* the driver may give it to another context later */
    struct allocations allocations;
    struct context *next;
};

/* The list only grows, and only by pushing: reading it takes no lock. */
static _Atomic(struct context *) contexts;

static struct context *find(CUcontext handle) {
    struct context *context = contexts;
    while (context != NULL && context->handle != handle)
        context = context->next;
    return context;
}

/* Two threads that make the first array of a context at once give it two tables, which does no harm. */
static struct context *find_or_add(CUcontext handle) {
    struct context *context = find(handle);
    if (context != NULL || (context = calloc(1, sizeof *context)) == NULL)
        return context;
    context->handle = handle;
    context->next = contexts;
    while (!atomic_compare_exchange_weak(&contexts, &context->next, context))
        continue;
    return context;
}

bool context_handles_keep(struct allocation allocation) {
    CUcontext current;
    struct context *context = NULL;
    if (DRIVER(cuCtxGetCurrent)(&current) == CUDA_SUCCESS)
        context = find_or_add(current);
    if (context != NULL && allocations_add(&context->allocations, &allocation))
        return true;
    gpu_give_back(allocation.gpu, allocation.bytes);
    return false;
}

struct allocation context_handles_freeing(uint64_t handle, struct allocations **table) {
    struct allocation allocation = {0};
    for (struct context *context = contexts; context != NULL; context = context->next) {
        *table = &context->allocations;
        if (allocations_remove(*table, handle, &allocation))
            break;
    }
    return allocation;
}

CUresult context_handles_freed(struct allocation allocation, struct allocations *table, CUresult result) {
    if (result == CUDA_SUCCESS)
        gpu_give_back(allocation.gpu, allocation.bytes);
    else if (allocation.gpu != NULL)
        (void)allocations_add(table, &allocation); /* it has room: the entry has just been taken out */
    return result;
}

/* An array goes with what is mapped to it. */
static bool every(uint64_t handle) {
    (void)physical_taken(physical_take_all(space_of_array(handle)), CUDA_SUCCESS);
    return true;
}

void context_handles_forget_freed(void) {
    for (struct context *context = contexts; context != NULL; context = context->next)
        if (!context_is_alive(context->handle))
            allocations_remove_if(&context->allocations, every);
}

void context_handles_forget(void) {
    contexts = NULL;
}
