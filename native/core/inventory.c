/* Which GPUs of this container are limited, found out when CUDA or NVML is first used. */
#include "core/inventory.h"

#include "core/compute.h"
#include "core/environment.h"
#include "core/folders.h"
#include "core/fork.h"
#include "core/memory.h"
#include "core/overhead.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct inventory inventory;
static struct lock building;
static atomic_bool built;

static struct gpu *find(const struct inventory *in, const struct uuid *uuid) {
    struct gpu *gpu = in->gpus;
    while (gpu != NULL && !uuid_equal(&gpu->uuid, uuid))
        gpu = gpu->next;
    return gpu;
}

bool inventory_add_gpu(struct inventory *to, const struct uuid *uuid) {
    struct gpu *gpu = calloc(1, sizeof *gpu);
    if (gpu == NULL)
        return false;
    *gpu = (struct gpu){.uuid = *uuid, .next = to->gpus};
    to->gpus = gpu;
    return true;
}

bool inventory_add_share(struct inventory *to, struct share *share) {
    const struct uuid *uuid = &share->limits.gpu;
    if (find(to, uuid) == NULL && !inventory_add_gpu(to, uuid))
        return false;
    struct share **place = &find(to, uuid)->shares;
    while (*place != NULL && strcmp((*place)->region.path, share->region.path) < 0)
        place = &(*place)->next;
    share->next = *place;
    *place = share;
    return true;
}

static void build(void) {
    lock_take(&building);
    if (!atomic_load_explicit(&built, memory_order_relaxed)) {
        forget_in_forked_children();
        gpu_set_count(overhead_begin);
        gpu_set_reclaim(memory_reclaim);
        inventory = (struct inventory){0};
        if (!folders_read(&inventory))
            environment_read(&inventory);
        atomic_store_explicit(&built, true, memory_order_release);
    }
    lock_release(&building);
}

static const struct inventory *get(void) {
    if (!atomic_load_explicit(&built, memory_order_acquire))
        build();
    return &inventory;
}

bool inventory_limits(void) {
    const struct inventory *in = get();
    return in->closed || in->gpus != NULL;
}

struct gpu *inventory_gpu(const struct uuid *uuid) {
    const struct inventory *in = get();
    struct gpu *gpu = find(in, uuid);
    return gpu == NULL && in->closed ? inventory_closed_gpu() : gpu;
}

void inventory_for_each(void (*call)(struct gpu *gpu)) {
    for (struct gpu *gpu = get()->gpus; gpu != NULL; gpu = gpu->next)
        call(gpu);
}

struct gpu *inventory_closed_gpu(void) {
    static struct gpu closed;
    return &closed;
}

void inventory_forget(void) {
    lock_release(&building);
    for (struct gpu *gpu = inventory.gpus; gpu != NULL; gpu = gpu->next) {
        compute_forget(gpu);
        gpu_forget(gpu);
    }
}
