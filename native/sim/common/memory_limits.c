/* Limits on the device memory that a cgroup's processes may have.
 *
 * What a process has is charged where it is now; what processes share, where its maker was. Limits change under the
 * slots' lock, and where a GPU has any, memory is taken under it too, so the sum that decides holds still or falls.
 * Whoever only looks reads an entry's cgroup last as first, for entries change hands.
 */
#include "sim/common/memory_limits.h"

#include "sim/common/ledger.h"
#include "sim/common/shared.h"
#include "sim/common/slots.h"

#include <stdlib.h>

#define FIRST_DRIVER 615

bool limits_known(const struct machine *machine) {
    return atoi(machine->state->driver_version) >= FIRST_DRIVER;
}

bool limits_are_by_dmem(const struct machine *machine) {
    return machine->state->limits_backend == SIM_LIMITS_DMEM;
}

bool limits_exist(const struct machine *machine, unsigned gpu) {
    return atomic_load(&machine->state->limited[gpu]) != 0;
}

void limits_place(const struct machine *machine, unsigned slot) {
    struct sim_place *place = &machine->state->slots[slot].place;
    uint64_t now = cgroup_of_self();
    if (now == 0 || now == atomic_load(&place->cgroups[0]))
        return;
    cgroup_chain chain;
    cgroup_chain_of_self(chain);
    for (unsigned i = 0; i < SIM_CGROUP_DEPTH; i++)
        atomic_store(&place->cgroups[i], chain[i]);
}

static struct sim_memory_limit *find(const struct machine *machine, unsigned gpu, uint64_t cgroup) {
    for (uint32_t i = 0; cgroup != 0 && i < atomic_load(&machine->state->limits_seen); i++) {
        struct sim_memory_limit *limit = &machine->state->limits[i];
        if (atomic_load(&limit->cgroup) == cgroup && atomic_load(&limit->gpu) == gpu)
            return limit;
    }
    return NULL;
}

/* Whether memory that is charged to `place` counts against the limit of a cgroup. */
static bool counts(const struct machine *machine, unsigned gpu, const struct sim_place *place, uint64_t cgroup) {
    for (unsigned i = 0; i < SIM_CGROUP_DEPTH; i++) {
        uint64_t at = atomic_load(&place->cgroups[i]);
        if (at == cgroup)
            return true;
        if (!limits_are_by_dmem(machine) && find(machine, gpu, at) != NULL)
            return false; /* a nearer one's counts */
    }
    return false;
}

static uint64_t used_under(const struct machine *machine, unsigned gpu, uint64_t cgroup) {
    uint64_t used = 0;
    for (unsigned i = 0; i < slots_count(machine); i++) {
        pid_t owner;
        uint64_t part = ledger_used_by(machine, i, gpu);
        if (part != 0 && counts(machine, gpu, &machine->state->slots[i].place, cgroup) &&
            slots_owner(machine, i, &owner))
            used += part;
    }
    for (uint32_t i = 0; i < shared_count(machine); i++)
        if (counts(machine, gpu, &machine->state->shared[i].place, cgroup))
            used += shared_used_in(machine, i, gpu);
    return used;
}

bool limits_allow(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes) {
    const struct sim_place *place = &machine->state->slots[slot].place;
    for (unsigned i = 0; i < SIM_CGROUP_DEPTH; i++) {
        uint64_t cgroup = atomic_load(&place->cgroups[i]);
        const struct sim_memory_limit *limit = find(machine, gpu, cgroup);
        if (limit == NULL || !counts(machine, gpu, place, cgroup))
            continue;
        uint64_t hard = atomic_load(&limit->hard);
        uint64_t used = used_under(machine, gpu, cgroup);
        if (used > hard || bytes > hard - used)
            return false;
    }
    return true;
}

bool limits_get(const struct machine *machine, unsigned gpu, uint64_t cgroup, struct memory_limit *limit) {
    const struct sim_memory_limit *entry = find(machine, gpu, cgroup);
    if (entry == NULL && (cgroup == 0 || !limits_are_by_dmem(machine)))
        return false;
    *limit = (struct memory_limit){.hard = NO_LIMIT, .used = used_under(machine, gpu, cgroup)};
    if (entry == NULL)
        return true;
    limit->soft = atomic_load(&entry->soft);
    limit->hard = atomic_load(&entry->hard);
    return atomic_load(&entry->cgroup) == cgroup;
}

static void forget(const struct machine *machine, struct sim_memory_limit *limit) {
    uint32_t gpu = atomic_load(&limit->gpu);
    atomic_store(&limit->cgroup, 0);
    if (gpu < SIM_MAX_GPUS)
        atomic_fetch_sub(&machine->state->limited[gpu], 1);
}

/* The limits of a cgroup end with it. */
static void forget_the_gone(const struct machine *machine, int directory) {
    for (uint32_t i = 0; i < atomic_load(&machine->state->limits_seen); i++) {
        struct sim_memory_limit *limit = &machine->state->limits[i];
        uint64_t cgroup = atomic_load(&limit->cgroup);
        if (cgroup != 0 && !cgroup_exists(directory, cgroup))
            forget(machine, limit);
    }
}

/* An entry for the cgroup that limits nothing yet; NULL if all are taken. */
static struct sim_memory_limit *add(const struct machine *machine, unsigned gpu, uint64_t cgroup) {
    struct sim_state *state = machine->state;
    uint32_t seen = atomic_load(&state->limits_seen);
    uint32_t i = 0;
    while (i < seen && atomic_load(&state->limits[i].cgroup) != 0)
        i++;
    if (i == SIM_MAX_LIMITS)
        return NULL;
    if (i == seen)
        atomic_store(&state->limits_seen, seen + 1);
    atomic_store(&state->limits[i].gpu, gpu);
    atomic_store(&state->limits[i].soft, 0);
    atomic_store(&state->limits[i].hard, NO_LIMIT);
    atomic_fetch_add(&state->limited[gpu], 1);
    atomic_store(&state->limits[i].cgroup, cgroup);
    return &state->limits[i];
}

static struct sim_memory_limit *find_or_add(const struct machine *machine, unsigned gpu, uint64_t cgroup) {
    struct sim_memory_limit *limit = find(machine, gpu, cgroup);
    return limit != NULL ? limit : add(machine, gpu, cgroup);
}

static void forget_if_empty(const struct machine *machine, struct sim_memory_limit *limit) {
    if (atomic_load(&limit->soft) == 0 && atomic_load(&limit->hard) == NO_LIMIT)
        forget(machine, limit);
}

/* NVIDIA's driver has the kernel protect as much in every ancestor but the root, and takes that back when the limit is
 * lowered: not when its cgroup ends. */
static bool protect_ancestors(const struct machine *machine, unsigned gpu, const cgroup_chain chain, uint64_t more) {
    for (unsigned i = 1; more != 0 && i + 1 < SIM_CGROUP_DEPTH && chain[i + 1] != 0; i++) {
        struct sim_memory_limit *above = find_or_add(machine, gpu, chain[i]);
        if (above == NULL)
            return false;
        atomic_fetch_add(&above->soft, more);
        forget_if_empty(machine, above);
    }
    return true;
}

/* A new limit is there before the use is summed up, so that who takes memory meanwhile sees it: see ledger_take. */
enum limits_result limits_set(const struct machine *machine, unsigned gpu, int directory, uint64_t soft,
                              uint64_t hard) {
    bool by_dmem = limits_are_by_dmem(machine);
    cgroup_chain chain;
    cgroup_chain_of(directory, chain);
    forget_the_gone(machine, directory);
    struct sim_memory_limit *limit = find_or_add(machine, gpu, chain[0]);
    if (limit == NULL || (by_dmem && !protect_ancestors(machine, gpu, chain, soft - atomic_load(&limit->soft))))
        return LIMITS_FULL;
    bool is_possible = hard >= used_under(machine, gpu, chain[0]);
    if (is_possible)
        atomic_store(&limit->hard, hard);
    if (is_possible || by_dmem)
        atomic_store(&limit->soft, soft);
    forget_if_empty(machine, limit);
    return is_possible || by_dmem ? LIMITS_SET : LIMITS_BELOW_USE;
}

void limits_forget(const struct machine *machine, unsigned gpu) {
    for (uint32_t i = 0; i < atomic_load(&machine->state->limits_seen); i++) {
        struct sim_memory_limit *limit = &machine->state->limits[i];
        if (atomic_load(&limit->cgroup) != 0 && atomic_load(&limit->gpu) == gpu)
            forget(machine, limit);
    }
}

void limits_cap(const struct machine *machine, unsigned gpu, uint64_t cgroup, uint64_t *total, uint64_t *available) {
    struct memory_limit limit;
    if (!limits_get(machine, gpu, cgroup, &limit) || limit.hard > *total)
        return;
    uint64_t left = limit.used < limit.hard ? limit.hard - limit.used : 0;
    *total = limit.hard;
    *available = left < *available ? left : *available;
}
