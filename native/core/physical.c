/*
 * Memory of cuMemCreate on limited GPUs: it counts as long as a handle or a mapping keeps it.
 *
 * Two search trees of ranges, which never overlap: handles, each a range of one, and mapped addresses. To compare equal
 * is to overlap, so that a range finds whatever lies in it. One lock for all: the driver's own work takes far longer.
 */
#include "core/physical.h"

#include "core/lock.h"

#include <search.h>
#include <stdlib.h>

struct physical {
    struct gpu *gpu;
    uint64_t bytes;
    uint64_t keepers; /* entries of the trees, and pointers that callers have */
};

static struct lock lock;
static void *handles;
static void *mappings;

static int compare(const void *one, const void *other) {
    const struct reference *left = one, *right = other;
    if (left->end <= right->start)
        return -1;
    return left->start >= right->end;
}

static struct reference *find(void **tree, uint64_t start, uint64_t end) {
    struct reference range = {.start = start, .end = end};
    struct reference **node = tfind(&range, tree, compare);
    return node != NULL ? *node : NULL;
}

struct physical *physical_new(struct gpu *gpu, uint64_t bytes) {
    struct physical *physical = malloc(sizeof *physical);
    if (physical != NULL)
        *physical = (struct physical){.gpu = gpu, .bytes = bytes, .keepers = 1};
    return physical;
}

static void let_go(struct physical *physical, uint64_t keepers) {
    lock_take(&lock);
    physical->keepers -= keepers;
    bool last = physical->keepers == 0;
    lock_release(&lock);
    if (!last)
        return;
    gpu_give_back(physical->gpu, physical->bytes);
    free(physical);
}

void physical_let_go(struct physical *physical) {
    if (physical != NULL)
        let_go(physical, 1);
}

void physical_end_mappings(struct reference *references) {
    while (references != NULL) {
        struct reference *next = references->next;
        let_go(references->physical, references->count);
        free(references);
        references = next;
    }
}

static struct physical *keep(void **tree, uint64_t start) {
    lock_take(&lock);
    struct reference *reference = find(tree, start, start + 1);
    struct physical *physical = reference != NULL ? reference->physical : NULL;
    if (physical != NULL)
        physical->keepers++;
    lock_release(&lock);
    return physical;
}

struct physical *physical_of_handle(CUmemGenericAllocationHandle handle) {
    return keep(&handles, handle);
}

struct physical *physical_at(CUdeviceptr address) {
    return keep(&mappings, address);
}

static struct reference *take_out(void **tree, uint64_t start, uint64_t end) {
    struct reference *taken = NULL, *reference;
    while ((reference = find(tree, start, end)) != NULL) {
        tdelete(reference, tree, compare);
        reference->next = taken;
        taken = reference;
    }
    return taken;
}

/* A range that is there already is one whose end we have not seen: it ends now. */
static bool insert(void **tree, struct reference *reference) {
    lock_take(&lock);
    struct reference *stale = take_out(tree, reference->start, reference->end);
    if (tree == &handles && stale != NULL && stale->physical == reference->physical) {
        reference->count += stale->count; /* the same handle once more */
        stale->count = 0;
    }
    bool inserted = tsearch(reference, tree, compare) != NULL;
    lock_release(&lock);
    physical_end_mappings(stale);
    if (!inserted)
        physical_end_mappings(reference);
    return inserted;
}

static bool add(void **tree, struct reference wanted) {
    struct reference *reference = malloc(sizeof *reference);
    if (reference == NULL) {
        physical_let_go(wanted.physical);
        return false;
    }
    *reference = wanted;
    return insert(tree, reference);
}

bool physical_add_handle(struct physical *physical, CUmemGenericAllocationHandle handle) {
    return add(&handles, (struct reference){handle, handle + 1, 1, physical, NULL});
}

bool physical_add_mapping(struct physical *physical, CUdeviceptr address, uint64_t bytes) {
    return add(&mappings, (struct reference){address, address + bytes, 1, physical, NULL});
}

struct physical *physical_take_handle(CUmemGenericAllocationHandle handle) {
    struct reference *ended = NULL;
    lock_take(&lock);
    struct reference *reference = find(&handles, handle, handle + 1);
    struct physical *physical = reference != NULL ? reference->physical : NULL;
    if (reference != NULL && --reference->count == 0)
        ended = take_out(&handles, handle, handle + 1);
    lock_release(&lock);
    free(ended);
    return physical;
}

struct reference *physical_take_mappings(CUdeviceptr address, uint64_t bytes) {
    lock_take(&lock);
    struct reference *taken = take_out(&mappings, address, address + bytes);
    lock_release(&lock);
    return taken;
}

void physical_restore_mappings(struct reference *taken) {
    while (taken != NULL) {
        struct reference *next = taken->next;
        taken->next = NULL;
        (void)insert(&mappings, taken); /* without memory it no longer keeps what is mapped, as after a release */
        taken = next;
    }
}

void physical_forget(void) {
    /* Another of the parent's threads may have been in the middle of a change: nothing in here can be relied on. */
    handles = NULL;
    mappings = NULL;
    lock_release(&lock);
}
