/* One share: a limit, and the region in which its processes account for what they use of it. */
#include "core/share.h"

#include "core/cancellation.h"
#include "core/cold.h"
#include "core/ledger.h"
#include "core/log.h"

#include <stdlib.h>
#include <time.h>

/* Looks may sweep this often. With 1,000 processes alive a sweep takes about half a millisecond. */
#define SWEEP_INTERVAL_NS UINT64_C(10000000)

struct share *share_new(char *limits_path, char *region_path) {
    struct share *share = calloc(1, sizeof *share);
    if (share == NULL)
        return NULL;
    *share = (struct share){
        .limits_path = limits_path,
        .region = {.path = region_path, .may_create = limits_path == NULL, .file = -1, .slot = -1},
    };
    return share;
}

static COLD bool read_again(struct share *share, uint64_t generation) {
    struct limits limits;
    int cancellation = cancellation_put_off();
    const char *problem = limits_read(share->limits_path, &limits);
    cancellation_restore(cancellation);
    if (problem == NULL && !uuid_equal(&limits.gpu, &share->limits.gpu))
        problem = "names another gpu than before";
    if (problem != NULL) {
        log_line(LOG_ERROR, "%s: %s; no memory is given from it", share->limits_path, problem);
        return false;
    }
    share->limits = limits;
    share->limits_generation = generation;
    return true;
}

/* Reads `limits` anew if the plugin has replaced it. If that fails the next use tries again. */
static bool refresh(struct share *share) {
    uint64_t generation = __atomic_load_n(&share->region.map->limits_generation, __ATOMIC_ACQUIRE);
    return generation == share->limits_generation || share->limits_path == NULL || read_again(share, generation);
}

uint64_t share_take(struct share *share, uint64_t at_least, uint64_t at_most) {
    uint64_t taken = 0;
    lock_take(&share->lock);
    if (region_join(&share->region) && refresh(share))
        taken = ledger_take(share->region.map, (uint32_t)share->region.slot, at_least, at_most, share->limits.memory);
    lock_release(&share->lock);
    return taken;
}

uint64_t share_give(struct share *share, uint64_t at_most) {
    uint64_t given = 0;
    lock_take(&share->lock);
    if (share->region.slot >= 0)
        given = ledger_give(share->region.map, (uint32_t)share->region.slot, at_most);
    lock_release(&share->lock);
    return given;
}

static uint64_t held(const struct region *region) {
    return region->slot >= 0 ? ledger_held(&region->map->slots[region->slot]) : 0;
}

uint64_t share_held(struct share *share) {
    lock_take(&share->lock);
    uint64_t bytes = held(&share->region);
    lock_release(&share->lock);
    return bytes;
}

/* Where this process holds all that is used, nobody dead holds any. */
static bool others_hold_some(const struct region *region) {
    return ledger_used(region->map) != held(region);
}

bool share_sweep(struct share *share) {
    lock_take(&share->lock);
    bool done = !region_open(&share->region) || !others_hold_some(&share->region) || region_sweep(&share->region);
    lock_release(&share->lock);
    return done;
}

bool share_turn_begin(struct share *share) {
    lock_take(&share->lock);
    bool begun = share->region.map == NULL || region_turn_begin(&share->region);
    lock_release(&share->lock);
    return begun;
}

void share_turn_end(struct share *share) {
    lock_take(&share->lock);
    if (share->region.map != NULL)
        region_turn_end(&share->region);
    lock_release(&share->lock);
}

static bool sweep_is_due(struct share *share) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    uint64_t now = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    if (now - share->swept < SWEEP_INTERVAL_NS)
        return false;
    share->swept = now;
    return true;
}

struct share_memory share_look(struct share *share) {
    lock_take(&share->lock);
    bool usable = region_open(&share->region) && refresh(share);
    if (usable && others_hold_some(&share->region) && sweep_is_due(share))
        region_sweep(&share->region);
    struct share_memory memory = {
        .limit = share->limits.memory,
        .used = usable ? ledger_used(share->region.map) : share->limits.memory,
    };
    lock_release(&share->lock);
    return memory;
}

struct share_time share_time(struct share *share) {
    lock_take(&share->lock);
    bool usable = region_open(&share->region) && refresh(share);
    struct hami_region *map = share->region.map;
    struct share_time time = {
        .cores = share->limits.cores,
        .policy = share->limits.policy,
        .urgent = share->limits.urgent,
        .account = map != NULL ? &map->compute : &share->own_account,
        .generation = usable && share->limits_path != NULL ? &map->limits_generation : NULL,
        .seen = share->limits_generation,
    };
    lock_release(&share->lock);
    return time;
}

void share_forget(struct share *share) {
    region_forget(&share->region);
    lock_release(&share->lock);
}
