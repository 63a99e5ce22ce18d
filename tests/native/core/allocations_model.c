/*
 * Compares the table of allocations with a model: an array of all keys that are in it.
 *
 * Usage: allocations_model SEED STEPS. Keys are chosen from few, so that they come and go and collide.
 *        allocations_model full: how many entries a look-up reads at most, with LIVE allocations.
 */
#include "core/allocations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 3000
#define LIVE 100000

static struct allocations table;
static uint64_t model[KEYS]; /* bytes of each key, 0: not there */
static uint64_t given_back;
static struct gpu gpu;

/* Stands in for the share's accounting. */
void gpu_give_back(struct gpu *of, uint64_t bytes) {
    if (of != NULL)
        given_back += bytes;
}

static uint64_t key_of(size_t index) {
    return UINT64_C(0x7f0000000000) + index * UINT64_C(0x200000);
}

static int fail(const char *what, size_t index) {
    fprintf(stderr, "key %zu: %s\n", index, what);
    return 1;
}

static int add(size_t index) {
    uint64_t bytes = 1 + (uint64_t)(random() % 1000000);
    uint64_t stale = model[index];
    given_back = 0;
    if (!allocations_add(&table, &(struct allocation){.key = key_of(index), .bytes = bytes, .gpu = &gpu}))
        return fail("no memory", index);
    model[index] = bytes;
    return given_back == stale ? 0 : fail("the bytes of a replaced entry did not come back", index);
}

static int take_out(size_t index) {
    struct allocation allocation;
    uint64_t expected = model[index];
    model[index] = 0;
    if (allocations_remove(&table, key_of(index), &allocation) != (expected != 0))
        return fail("present in only one of table and model", index);
    return expected == 0 || allocation.bytes == expected ? 0 : fail("another size", index);
}

static bool is_multiple_of_three(uint64_t key) {
    return key % 3 == 0;
}

/* Takes out about a third of the keys at once. */
static int take_out_thirds(void) {
    uint64_t expected = 0;
    for (size_t index = 0; index < KEYS; index++) {
        if (!is_multiple_of_three(key_of(index)))
            continue;
        expected += model[index];
        model[index] = 0;
    }
    given_back = 0;
    allocations_remove_if(&table, is_multiple_of_three);
    return given_back == expected ? 0 : fail("not the bytes of all removed entries came back", 0);
}

/* A look-up ends where nothing is. */
static uint32_t longest_run(const struct allocations_part *part) {
    uint32_t run = 0, longest = 0;
    for (uint32_t i = 0; i < 2 * part->capacity; i++) { /* runs go on from the end to the beginning */
        run = part->entries[i % part->capacity].key != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static int show_longest_run(void) {
    uint32_t longest = 0;
    for (size_t index = 0; index < LIVE; index++)
        if (!allocations_add(&table, &(struct allocation){.key = key_of(index), .bytes = 1, .gpu = &gpu}))
            return fail("no memory", index);
    for (int i = 0; i < ALLOCATIONS_PARTS; i++)
        longest = longest_run(&table.parts[i]) > longest ? longest_run(&table.parts[i]) : longest;
    printf("%u\n", longest);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "full") == 0)
        return show_longest_run();
    if (count != 3)
        return 2;
    srandom((unsigned int)atoi(arguments[1]));
    int failures = 0;
    for (long step = atol(arguments[2]); step > 0 && failures == 0; step--) {
        size_t index = (size_t)random() % KEYS;
        failures = random() % 2 == 0 ? add(index) : take_out(index);
        if (failures == 0 && random() % KEYS == 0)
            failures = take_out_thirds();
    }
    for (size_t index = 0; index < KEYS && failures == 0; index++)
        failures = take_out(index);
    for (size_t part = 0; part < ALLOCATIONS_PARTS && failures == 0; part++)
        failures = table.parts[part].count == 0 ? 0 : fail("an empty table counts entries", part);
    return failures;
}
