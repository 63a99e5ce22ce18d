/* Whoever shares memory has a read lock on its entry, so the kernel knows when the last one is gone: entries change
 * hands as slots do, under the same lock.
 */
#include "sim/common/shared.h"

#include "sim/common/ledger.h"
#include "sim/common/slots.h"

#include <fcntl.h>

static struct sim_shared *entry_of(const struct machine *machine, uint32_t index) {
    return &machine->state->shared[index];
}

static bool is_shared(const struct machine *machine, uint32_t index) {
    pid_t pid;
    return machine_lock_owner(machine, entry_of(machine, index), &pid);
}

/* The index of an entry that nobody shares; SIM_MAX_SHARED: there is none. */
static uint32_t find_unused(const struct machine *machine) {
    uint32_t seen = atomic_load(&machine->state->shared_seen);
    uint32_t index = 0;
    while (index < seen && is_shared(machine, index))
        index++;
    if (index == seen && seen < SIM_MAX_SHARED)
        atomic_store(&machine->state->shared_seen, seen + 1);
    return index;
}

static bool begin(const struct machine *machine, uint32_t index, unsigned slot, unsigned gpu) {
    struct sim_shared *entry = entry_of(machine, index);
    for (unsigned i = 0; i < SIM_CGROUP_DEPTH; i++)
        atomic_store(&entry->place.cgroups[i], atomic_load(&machine->state->slots[slot].place.cgroups[i]));
    atomic_store(&entry->units, 0);
    atomic_store(&entry->gpu, gpu);
    atomic_store(&entry->maker, slot + 1);
    atomic_fetch_add(&entry->generation, 1);
    return machine_lock(machine, entry, F_RDLCK, false);
}

bool shared_create(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes,
                   struct shared_name *name) {
    if (!slots_lock(machine))
        return false;
    uint32_t index = find_unused(machine);
    bool created = index < SIM_MAX_SHARED && begin(machine, index, slot, gpu);
    if (created) {
        *name = (struct shared_name){index, atomic_load(&entry_of(machine, index)->generation)};
        ledger_hand_over(machine, slot, gpu, bytes);
        atomic_store(&entry_of(machine, index)->units, (uint32_t)(bytes / SIM_UNIT));
    }
    slots_unlock(machine);
    return created;
}

bool shared_join(const struct machine *machine, struct shared_name name) {
    if (name.index >= SIM_MAX_SHARED || !slots_lock(machine))
        return false;
    struct sim_shared *entry = entry_of(machine, name.index);
    bool joined = is_shared(machine, name.index) && atomic_load(&entry->generation) == name.generation &&
                  machine_lock(machine, entry, F_RDLCK, false);
    slots_unlock(machine);
    return joined;
}

static void forget_maker(struct sim_shared *entry, unsigned slot) {
    uint32_t maker = slot + 1;
    atomic_compare_exchange_strong(&entry->maker, &maker, 0);
}

void shared_forget_maker(const struct machine *machine, unsigned slot) {
    for (uint32_t i = 0; i < shared_count(machine); i++)
        forget_maker(entry_of(machine, i), slot);
}

void shared_leave(const struct machine *machine, unsigned slot, struct shared_name name) {
    forget_maker(entry_of(machine, name.index), slot);
    machine_lock(machine, entry_of(machine, name.index), F_UNLCK, false);
}

unsigned shared_gpu(const struct machine *machine, struct shared_name name) {
    return atomic_load(&entry_of(machine, name.index)->gpu);
}

uint32_t shared_count(const struct machine *machine) {
    return atomic_load(&machine->state->shared_seen);
}

uint64_t shared_used_in(const struct machine *machine, uint32_t index, unsigned gpu) {
    const struct sim_shared *entry = entry_of(machine, index);
    if (atomic_load(&entry->gpu) != gpu || !is_shared(machine, index))
        return 0;
    return (uint64_t)atomic_load(&entry->units) * SIM_UNIT;
}

uint64_t shared_used(const struct machine *machine, unsigned gpu) {
    uint64_t used = 0;
    for (uint32_t i = 0; i < shared_count(machine); i++)
        used += shared_used_in(machine, i, gpu);
    return used;
}

/* Who has it for all that share it: its maker while it does, then whoever of the others the kernel names. */
static bool counts_for(const struct machine *machine, uint32_t index, pid_t pid) {
    uint32_t maker = atomic_load(&entry_of(machine, index)->maker);
    pid_t owner;
    if (maker != 0 && !slots_has_ended(machine, maker - 1) && slots_owner(machine, maker - 1, &owner))
        return owner == pid;
    return machine_lock_owner(machine, entry_of(machine, index), &owner) && owner == pid;
}

uint64_t shared_counted_for(const struct machine *machine, pid_t pid, unsigned gpu) {
    uint64_t counted = 0;
    for (uint32_t i = 0; i < shared_count(machine); i++) {
        uint64_t used = shared_used_in(machine, i, gpu);
        counted += used != 0 && counts_for(machine, i, pid) ? used : 0;
    }
    return counted;
}
