/* A GPU of which this container has shares: they add up. */
#include "core/gpu.h"

#include "core/log.h"

#include <inttypes.h>
#include <stdatomic.h>

/* Takes from the first share that has room, the rest from the next. Only the last one has to have all that is left. */
static bool take_from_all(struct gpu *gpu, uint64_t bytes) {
    uint64_t missing = bytes;
    for (struct share *share = gpu->shares; share != NULL && missing > 0; share = share->next)
        missing -= share_take(share, share->next == NULL ? missing : 1, missing);
    if (missing > 0)
        gpu_give_back(gpu, bytes - missing);
    return missing == 0;
}

static bool sweep_all(struct gpu *gpu) {
    bool returned = false;
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        returned |= share_sweep(share);
    return returned;
}

static _Atomic(bool (*)(struct gpu *)) reclaim;

void gpu_set_reclaim(bool (*function)(struct gpu *gpu)) {
    atomic_store_explicit(&reclaim, function, memory_order_release);
}

static bool reclaim_some(struct gpu *gpu) {
    bool (*function)(struct gpu *) = atomic_load_explicit(&reclaim, memory_order_acquire);
    return function != NULL && function(gpu);
}

bool gpu_reserve(struct gpu *gpu, uint64_t bytes) {
    if (gpu == NULL || bytes == 0 || take_from_all(gpu, bytes))
        return true;
    if (sweep_all(gpu) && take_from_all(gpu, bytes))
        return true;
    if (reclaim_some(gpu) && take_from_all(gpu, bytes))
        return true;
    struct share_memory memory = gpu_look(gpu);
    log_line(LOG_INFO, "refused %" PRIu64 " bytes: %" PRIu64 " of %" PRIu64 " in use", bytes, memory.used,
             memory.limit);
    return false;
}

/* From the last share to the first, as each can take it. */
static uint64_t give_to(struct share *share, uint64_t bytes) {
    if (share == NULL || bytes == 0)
        return bytes;
    uint64_t rest = give_to(share->next, bytes);
    return rest - share_give(share, rest);
}

void gpu_give_back(struct gpu *gpu, uint64_t bytes) {
    if (gpu != NULL)
        give_to(gpu->shares, bytes);
}

struct share_memory gpu_look(const struct gpu *gpu) {
    struct share_memory sum = {0};
    for (struct share *share = gpu->shares; share != NULL; share = share->next) {
        struct share_memory memory = share_look(share);
        sum.limit += memory.limit;
        sum.used += memory.used < memory.limit ? memory.used : memory.limit;
    }
    return sum;
}
