/*
 * The ledger of a region: taking and giving back bytes, exactly, whoever is killed when.
 *
 * abi/share.h has the protocol. What is written here in one order must stay in it: each store is one of its steps.
 */
#include "core/ledger.h"

#include <stdbool.h>

#define SLOT_SHIFT 48
#define SEQ_MASK   ((UINT64_C(1) << SLOT_SHIFT) - 1)

__extension__ typedef unsigned __int128 ledger_word;

static uint64_t load(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *field, uint64_t value) {
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

static uint64_t operation(uint32_t slot, uint64_t seq) {
    return (uint64_t)slot << SLOT_SHIFT | (seq & SEQ_MASK);
}

/* The two halves may be from different moments: then swap() fails. Each of them alone is true. */
static struct hami_ledger look(const struct hami_region *region) {
    return (struct hami_ledger){.used = load(&region->ledger.used), .op = load(&region->ledger.op)};
}

/* ThreadSanitizer would have it done under a lock of this process's, which keeps no other process out. */
__attribute__((no_sanitize("thread"))) static bool swap(struct hami_ledger *ledger, struct hami_ledger seen,
                                                        struct hami_ledger wanted) {
    ledger_word expected, desired;
    __builtin_memcpy(&expected, &seen, sizeof expected);
    __builtin_memcpy(&desired, &wanted, sizeof desired);
    return __atomic_compare_exchange_n((ledger_word *)ledger, &expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static void announce(struct hami_slot *slot, int64_t delta) {
    __atomic_store_n(&slot->delta, delta, __ATOMIC_RELEASE);
    store(&slot->seq, slot->done + 1);
}

static void withdraw(struct hami_slot *slot) {
    store(&slot->seq, slot->done);
}

/* Before the ledger forgets its last operation, its slot must know that it happened, unless it has settled it. */
static void record_landed(struct hami_region *region, uint64_t op) {
    uint64_t seq = op & SEQ_MASK;
    uint32_t index = (uint32_t)(op >> SLOT_SHIFT);
    if (index >= HAMI_REGION_SLOTS)
        return; /* only a tenant's scribble can look like this */
    struct hami_slot *slot = &region->slots[index];
    if (load(&slot->done) >= seq)
        return;
    uint64_t landed = load(&slot->landed);
    while (landed < seq &&
           !__atomic_compare_exchange_n(&slot->landed, &landed, seq, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
}

static bool decide(struct hami_region *region, uint32_t slot, struct hami_ledger seen, uint64_t used) {
    record_landed(region, seen.op);
    struct hami_ledger wanted = {.used = used, .op = operation(slot, region->slots[slot].seq)};
    return swap(&region->ledger, seen, wanted);
}

static void settle(struct hami_slot *slot) {
    store(&slot->used[slot->seq & 1], slot->used[slot->done & 1] + (uint64_t)slot->delta);
    store(&slot->done, slot->seq);
}

/* A ledger that counts less than one of its slots was scribbled on: the slot alone is then told what fits. */
static uint64_t room_for(const struct hami_slot *slot, struct hami_ledger seen, uint64_t limit) {
    uint64_t held = ledger_held(slot);
    uint64_t used = seen.used > held ? seen.used : held;
    return used < limit ? limit - used : 0;
}

uint64_t ledger_take(struct hami_region *region, uint32_t slot, uint64_t at_least, uint64_t at_most, uint64_t limit) {
    struct hami_slot *mine = &region->slots[slot];
    for (;;) {
        struct hami_ledger seen = look(region);
        uint64_t room = room_for(mine, seen, limit);
        uint64_t bytes = at_most < room ? at_most : room;
        if (bytes == 0 || bytes < at_least) {
            withdraw(mine);
            return 0;
        }
        announce(mine, (int64_t)bytes);
        if (decide(region, slot, seen, seen.used + bytes)) {
            settle(mine);
            return bytes;
        }
    }
}

uint64_t ledger_give(struct hami_region *region, uint32_t slot, uint64_t at_most) {
    struct hami_slot *mine = &region->slots[slot];
    uint64_t held = ledger_held(mine);
    uint64_t bytes = at_most < held ? at_most : held;
    if (bytes == 0)
        return 0;
    announce(mine, (int64_t)(0 - bytes)); /* any number may stand in a slot that was scribbled on */
    for (;;) {
        struct hami_ledger seen = look(region);
        /* A ledger that holds less than one of its slots was scribbled on: it must not wrap around. */
        if (decide(region, slot, seen, seen.used > bytes ? seen.used - bytes : 0)) {
            settle(mine);
            return bytes;
        }
    }
}

void ledger_finish(struct hami_region *region, uint32_t slot) {
    struct hami_slot *dead = &region->slots[slot];
    uint64_t seq = load(&dead->seq);
    if (seq == load(&dead->done))
        return;
    /* In this order: whoever replaced the ledger's operation had recorded it as landed before. */
    bool happened = load(&region->ledger.op) == operation(slot, seq) || load(&dead->landed) == seq;
    if (happened && seq == dead->done + 1)
        settle(dead);
    else
        withdraw(dead);
}

uint64_t ledger_held(const struct hami_slot *slot) {
    return load(&slot->used[load(&slot->done) & 1]);
}

uint64_t ledger_used(const struct hami_region *region) {
    return load(&region->ledger.used);
}
