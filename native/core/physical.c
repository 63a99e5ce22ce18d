/*
 * Memory of cuMemCreate on limited GPUs: it counts as long as anything refers to it.
 *
 * All that refers to such memory is in one search tree of ranges, which never overlap. To compare equal is to overlap,
 * so that a range finds whatever lies in it. One lock for all: the driver's own work takes far longer.
 */
#include "core/physical.h"

#include "core/lock.h"
#include "core/overhead.h"

#include <search.h>
#include <stdlib.h>

/* Where memory is bound: the upper bits of a place are the device, the lower ones the offset. */
#define DEVICE_SHIFT 48

struct physical {
    struct gpu *gpu;
    CUdevice device;
    uint64_t bytes;
    uint64_t keepers; /* entries of the tree, and pointers that callers have */
};

static const struct space HANDLES = {.kind = SPACE_HANDLES};

static struct lock lock;
static void *references;

static int order(uint64_t left, uint64_t right) {
    return left < right ? -1 : left > right;
}

static int compare(const void *one, const void *other) {
    const struct reference *left = one, *right = other;
    if (left->space.kind != right->space.kind)
        return order(left->space.kind, right->space.kind);
    if (left->space.name != right->space.name)
        return order(left->space.name, right->space.name);
    if (left->end <= right->start)
        return -1;
    return left->start >= right->end;
}

static struct reference *find(struct space space, uint64_t start, uint64_t end) {
    struct reference range = {.space = space, .start = start, .end = end};
    struct reference **node = tfind(&range, &references, compare);
    return node != NULL ? *node : NULL;
}

struct physical *physical_new(struct gpu *gpu, CUdevice device, uint64_t bytes) {
    struct physical *physical = malloc(sizeof *physical);
    if (physical != NULL)
        *physical = (struct physical){gpu, device, bytes, .keepers = 1};
    return physical;
}

CUdevice physical_device(const struct physical *physical) {
    return physical->device;
}

static void end(struct reference *taken);

static void let_go(struct physical *physical, uint64_t keepers) {
    lock_take(&lock);
    physical->keepers -= keepers;
    bool last = physical->keepers == 0;
    lock_release(&lock);
    if (!last)
        return;
    if (physical->gpu == NULL) {
        end(physical_take_all(space_of_object(physical)));
        overheads_settle(); /* it may have been passed on to this process */
    }
    gpu_give_back(physical->gpu, physical->bytes);
    free(physical);
}

void physical_let_go(struct physical *physical) {
    if (physical != NULL)
        let_go(physical, 1);
}

static void end(struct reference *taken) {
    while (taken != NULL) {
        struct reference *next = taken->next;
        let_go(taken->physical, taken->count);
        free(taken);
        taken = next;
    }
}

struct physical *physical_at(struct space space, uint64_t place) {
    lock_take(&lock);
    struct reference *reference = find(space, place, place + 1);
    struct physical *physical = reference != NULL ? reference->physical : NULL;
    if (physical != NULL)
        physical->keepers++;
    lock_release(&lock);
    return physical;
}

struct physical *physical_of_handle(CUmemGenericAllocationHandle handle) {
    return physical_at(HANDLES, handle);
}

/* Puts a part of a range that was taken out back. Without memory it no longer keeps what it refers to, as if it had
 * ended. */
static void leave(const struct reference *whole, uint64_t start, uint64_t end) {
    struct reference *part = malloc(sizeof *part);
    if (part == NULL)
        return;
    *part = *whole;
    part->start = start;
    part->end = end;
    if (tsearch(part, &references, compare) != NULL)
        part->physical->keepers++;
    else
        free(part);
}

static struct reference *take_out(struct space space, uint64_t start, uint64_t end) {
    struct reference *taken = NULL, *reference;
    while ((reference = find(space, start, end)) != NULL) {
        tdelete(reference, &references, compare);
        if (reference->start < start)
            leave(reference, reference->start, start);
        if (reference->end > end)
            leave(reference, end, reference->end);
        reference->start = reference->start > start ? reference->start : start;
        reference->end = reference->end < end ? reference->end : end;
        reference->next = taken;
        taken = reference;
    }
    return taken;
}

/* What is there already is replaced, or was ended without our seeing it. */
static bool insert(struct reference *reference) {
    lock_take(&lock);
    struct reference *stale = take_out(reference->space, reference->start, reference->end);
    if (reference->space.kind == SPACE_HANDLES && stale != NULL && stale->physical == reference->physical) {
        reference->count += stale->count; /* the same handle once more */
        stale->count = 0;
    }
    bool inserted = tsearch(reference, &references, compare) != NULL;
    lock_release(&lock);
    end(stale);
    if (!inserted)
        end(reference);
    return inserted;
}

bool physical_add(struct physical *physical, struct space space, uint64_t start, uint64_t end) {
    struct reference *reference = malloc(sizeof *reference);
    if (reference == NULL) {
        physical_let_go(physical);
        return false;
    }
    *reference = (struct reference){space, start, end, 1, physical, NULL};
    return insert(reference);
}

bool physical_add_handle(struct physical *physical, CUmemGenericAllocationHandle handle) {
    return physical_add(physical, HANDLES, handle, handle + 1);
}

static uint64_t place_of(CUdevice device, uint64_t offset) {
    return (uint64_t)device << DEVICE_SHIFT | offset;
}

bool physical_bind(struct physical *physical, struct space space, uint64_t offset, uint64_t bytes) {
    uint64_t start = place_of(physical->device, offset);
    if (physical->gpu != NULL)
        return physical_add(physical, space, start, start + bytes);
    physical_let_go(physical);
    return true;
}

struct physical *physical_take_handle(CUmemGenericAllocationHandle handle) {
    struct reference *ended = NULL;
    lock_take(&lock);
    struct reference *reference = find(HANDLES, handle, handle + 1);
    struct physical *physical = reference != NULL ? reference->physical : NULL;
    if (reference != NULL && --reference->count == 0)
        ended = take_out(HANDLES, handle, handle + 1);
    lock_release(&lock);
    free(ended);
    return physical;
}

/* A range without an end behind its start is the driver's to refuse: such ones have no order. */
struct reference *physical_take(struct space space, uint64_t start, uint64_t end) {
    if (end <= start)
        return NULL;
    lock_take(&lock);
    struct reference *taken = take_out(space, start, end);
    lock_release(&lock);
    return taken;
}

struct reference *physical_take_all(struct space space) {
    return physical_take(space, 0, UINT64_MAX);
}

struct reference *physical_take_bound(struct space space, CUdevice device, uint64_t offset, uint64_t bytes) {
    uint64_t start = place_of(device, offset);
    return physical_take(space, start, start + bytes);
}

static void restore(struct reference *taken) {
    while (taken != NULL) {
        struct reference *next = taken->next;
        taken->next = NULL;
        (void)insert(taken); /* without memory it no longer keeps what is mapped, as after a release */
        taken = next;
    }
}

CUresult physical_taken(struct reference *taken, CUresult result) {
    if (result == CUDA_SUCCESS)
        end(taken);
    else
        restore(taken);
    return result;
}

void physical_forget(void) {
    /* Another of the parent's threads may have been in the middle of a change: nothing in here can be relied on. */
    references = NULL;
    lock_release(&lock);
}
