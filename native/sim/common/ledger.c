/* There is no shared total: a GPU's memory in use is the sum over the slots of the living, and what they share.
 *
 * Each slot has one word per GPU: what its process uses, and what is set aside for it, which is at least as much.
 *   - Taking and giving within what is set aside is one compare-and-swap on the process's own word. A process killed
 *     before it has taken nothing, one killed after it is dead and its word no longer counts.
 *   - Setting more aside happens under the slots' lock, which keeps the sum of what is set aside within the GPU's
 *     memory. Only there a word's high half grows.
 *   - What is set aside and not used stays with its process, so that the next allocation is cheap, until another needs
 *     it: then that one lowers the word's high half to its low half, again by one compare-and-swap. So an allocation
 *     fails only if the memory is really in use by the living.
 */
#include "sim/common/ledger.h"

#include "sim/common/memory_limits.h"
#include "sim/common/shared.h"
#include "sim/common/slots.h"

#define CHUNK ((64u << 20) / SIM_UNIT) /* units that are set aside at a time, while there are enough */

static uint64_t pack(uint64_t reserved, uint64_t used) {
    return reserved << 32 | used;
}

static uint64_t reserved_in(uint64_t word) {
    return word >> 32;
}

static uint64_t used_in(uint64_t word) {
    return word & UINT32_MAX;
}

static _Atomic uint64_t *word_of(const struct machine *machine, unsigned slot, unsigned gpu) {
    return &slots_use(machine, slot, gpu)->memory;
}

uint64_t ledger_round(uint64_t bytes) {
    return (bytes + SIM_UNIT - 1) / SIM_UNIT * SIM_UNIT;
}

/* Units that are set aside for nobody, the dead counted as if they lived. */
static uint64_t unreserved(const struct machine *machine, unsigned gpu) {
    uint64_t reserved = 0;
    for (unsigned i = 0; i < slots_count(machine); i++)
        reserved += reserved_in(atomic_load(word_of(machine, i, gpu)));
    return (machine->state->gpus[gpu].memory - shared_used(machine, gpu)) / SIM_UNIT - reserved;
}

/* Takes back what is set aside for the dead; returns how many units that gave. */
static uint64_t bury_the_dead(const struct machine *machine, unsigned gpu) {
    uint64_t units = 0;
    for (unsigned i = 0; i < slots_count(machine); i++) {
        pid_t owner;
        if (atomic_load(word_of(machine, i, gpu)) != 0 && !slots_owner(machine, i, &owner))
            units += reserved_in(atomic_exchange(word_of(machine, i, gpu), 0));
    }
    return units;
}

/* Takes back what one living process has set aside and does not use; returns how many units that gave. */
static uint64_t trim(_Atomic uint64_t *word) {
    uint64_t old = atomic_load(word);
    while (!atomic_compare_exchange_weak(word, &old, pack(used_in(old), used_in(old))))
        continue;
    return reserved_in(old) - used_in(old);
}

/* As many units as are free for `slot` to set aside, at least `wanted` if they can be had. */
static uint64_t find(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t wanted) {
    uint64_t found = unreserved(machine, gpu);
    if (found < wanted)
        found += bury_the_dead(machine, gpu);
    for (unsigned i = 0; found < wanted && i < slots_count(machine); i++)
        if (i != slot)
            found += trim(word_of(machine, i, gpu));
    return found;
}

/* Sets aside what is missing for `units`, rounded up to a chunk, and takes them, in one step. */
static bool grow(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t units) {
    _Atomic uint64_t *word = word_of(machine, slot, gpu);
    uint64_t found = find(machine, slot, gpu, units);
    uint64_t old = atomic_load(word);
    uint64_t reserved;
    do {
        uint64_t used = used_in(old) + units;
        uint64_t limit = reserved_in(old) + found;
        if (used > limit)
            return false;
        reserved = (used + CHUNK - 1) / CHUNK * CHUNK;
        if (reserved > limit)
            reserved = limit;
        if (reserved < reserved_in(old))
            reserved = reserved_in(old);
    } while (!atomic_compare_exchange_weak(word, &old, pack(reserved, used_in(old) + units)));
    return true;
}

/* Takes of what is set aside already. */
static bool take_set_aside(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t units) {
    _Atomic uint64_t *word = word_of(machine, slot, gpu);
    uint64_t old = atomic_load(word);
    while (reserved_in(old) - used_in(old) >= units)
        if (atomic_compare_exchange_weak(word, &old, old + units))
            return true;
    return false;
}

/* With the slots' lock held. */
static bool take_allowed(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t units) {
    if (limits_exist(machine, gpu)) {
        limits_place(machine, slot);
        if (!limits_allow(machine, slot, gpu, units * SIM_UNIT))
            return false;
    }
    return take_set_aside(machine, slot, gpu, units) || grow(machine, slot, gpu, units);
}

/* Where nothing limits cgroups, most takes need no lock. Whoever sets the first limit meanwhile has either seen what
 * was taken, or is seen here: then it is given back and taken under the lock. */
bool ledger_take(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes) {
    uint64_t units = bytes / SIM_UNIT;
    if (bytes > machine->state->gpus[gpu].memory)
        return false;
    if (!limits_exist(machine, gpu) && take_set_aside(machine, slot, gpu, units)) {
        if (!limits_exist(machine, gpu))
            return true;
        ledger_give(machine, slot, gpu, bytes);
    }
    if (!slots_lock(machine))
        return false;
    bool taken = take_allowed(machine, slot, gpu, units);
    slots_unlock(machine);
    return taken;
}

void ledger_give(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes) {
    atomic_fetch_sub(word_of(machine, slot, gpu), bytes / SIM_UNIT);
}

void ledger_hand_over(const struct machine *machine, unsigned slot, unsigned gpu, uint64_t bytes) {
    uint64_t units = bytes / SIM_UNIT;
    atomic_fetch_sub(word_of(machine, slot, gpu), pack(units, units));
}

uint64_t ledger_used_by(const struct machine *machine, unsigned slot, unsigned gpu) {
    return used_in(atomic_load(word_of(machine, slot, gpu))) * SIM_UNIT;
}

uint64_t ledger_used(const struct machine *machine, unsigned gpu) {
    uint64_t used = shared_used(machine, gpu);
    for (unsigned i = 0; i < slots_count(machine); i++) {
        pid_t owner;
        uint64_t part = ledger_used_by(machine, i, gpu);
        if (part != 0 && slots_owner(machine, i, &owner))
            used += part;
    }
    /* Read one after the other, two slots can both show what one gave back and the other took meanwhile. */
    uint64_t memory = machine->state->gpus[gpu].memory;
    return used < memory ? used : memory;
}
