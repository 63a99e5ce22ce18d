/*
 * What this process has allocated on limited GPUs: how much, and where, by what the driver gave for it.
 *
 * Open addressing with linear probing; removal closes the gap, so that a table that has lived long is as fast as new.
 */
#include "core/allocations.h"

#include "core/cold.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

/* Fibonacci hashing: addresses differ in their middle bits, the product's upper ones depend on all of them. */
static uint64_t hash(uint64_t key) {
    return key * UINT64_C(0x9e3779b97f4a7c15);
}

static struct allocations_part *part_of(struct allocations *table, uint64_t key) {
    return &table->parts[hash(key) >> 58];
}

static uint32_t home(const struct allocations_part *part, uint64_t key) {
    return (uint32_t)(hash(key) >> 26) & (part->capacity - 1);
}

/* Where the key is, or the free entry where it would be. There is always a free one. */
static uint32_t find(const struct allocations_part *part, uint64_t key) {
    uint32_t index = home(part, key);
    while (part->entries[index].key != 0 && part->entries[index].key != key)
        index = (index + 1) & (part->capacity - 1);
    return index;
}

static COLD bool grow(struct allocations_part *part) {
    struct allocations_part larger = {.capacity = part->capacity != 0 ? part->capacity * 2 : FIRST_CAPACITY};
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (uint32_t i = 0; i < part->capacity; i++)
        if (part->entries[i].key != 0)
            larger.entries[find(&larger, part->entries[i].key)] = part->entries[i];
    free(part->entries);
    part->entries = larger.entries;
    part->capacity = larger.capacity;
    return true;
}

static bool has_room(const struct allocations_part *part) {
    return part->capacity != 0 && part->count < part->capacity / 2;
}

bool allocations_add(struct allocations *table, const struct allocation *allocation) {
    struct allocation stale = {0};
    struct allocations_part *part = part_of(table, allocation->key);
    if (allocation->managed)
        atomic_store_explicit(&table->managed, true, memory_order_relaxed);
    lock_take(&part->lock);
    bool room = has_room(part) || grow(part);
    if (room) {
        struct allocation *entry = &part->entries[find(part, allocation->key)];
        stale = *entry;
        part->count += stale.key == 0;
        *entry = *allocation;
    }
    lock_release(&part->lock);
    gpu_give_back(stale.gpu, stale.bytes);
    return room;
}

/* Moves entries that were displaced past `gap` back towards their homes. */
static void close_gap(struct allocations_part *part, uint32_t gap) {
    uint32_t mask = part->capacity - 1;
    for (uint32_t index = (gap + 1) & mask; part->entries[index].key != 0; index = (index + 1) & mask) {
        uint32_t displaced = (index - home(part, part->entries[index].key)) & mask;
        if (displaced >= ((index - gap) & mask)) {
            part->entries[gap] = part->entries[index];
            gap = index;
        }
    }
    part->entries[gap] = (struct allocation){0};
}

bool allocations_remove(struct allocations *table, uint64_t key, struct allocation *allocation) {
    if (key == 0)
        return false;
    struct allocations_part *part = part_of(table, key);
    lock_take(&part->lock);
    uint32_t index = part->capacity != 0 ? find(part, key) : 0;
    bool present = part->capacity != 0 && part->entries[index].key == key;
    if (present) {
        *allocation = part->entries[index];
        close_gap(part, index);
        part->count--;
    }
    lock_release(&part->lock);
    return present;
}

static void remove_if(struct allocations_part *part, bool (*ended)(uint64_t key)) {
    for (uint32_t index = 0; index < part->capacity;) {
        struct allocation entry = part->entries[index];
        if (entry.key == 0 || !ended(entry.key)) {
            index++;
            continue;
        }
        close_gap(part, index); /* may bring another entry here, which comes next */
        part->count--;
        gpu_give_back(entry.gpu, entry.bytes);
    }
}

void allocations_remove_if(struct allocations *table, bool (*ended)(uint64_t key)) {
    for (int i = 0; i < ALLOCATIONS_PARTS; i++) {
        lock_take(&table->parts[i].lock);
        remove_if(&table->parts[i], ended);
        lock_release(&table->parts[i].lock);
    }
}

static uint64_t managed_of(const struct allocations_part *part, const struct gpu *gpu) {
    uint64_t bytes = 0;
    for (uint32_t index = 0; index < part->capacity; index++)
        if (part->entries[index].managed && part->entries[index].gpu == gpu)
            bytes += part->entries[index].bytes;
    return bytes;
}

uint64_t allocations_managed(struct allocations *table, const struct gpu *gpu) {
    uint64_t bytes = 0;
    if (!atomic_load_explicit(&table->managed, memory_order_relaxed))
        return 0;
    for (int i = 0; i < ALLOCATIONS_PARTS; i++) {
        lock_take(&table->parts[i].lock);
        bytes += managed_of(&table->parts[i], gpu);
        lock_release(&table->parts[i].lock);
    }
    return bytes;
}

void allocations_forget(struct allocations *table) {
    /* Another of the parent's threads may have been in the middle of a change: nothing in here can be relied on. */
    memset(table, 0, sizeof *table);
}
