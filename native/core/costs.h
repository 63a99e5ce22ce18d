/*
 * What launches have cost: GPU time by what is launched.
 *
 * A launch of the same function with the same grid, or of the same graph, is expected to take about as long as before.
 * It is read by every launch and without a lock: an entry is one word. A name has its place in one of many sets, each a
 * line of the cache, and what comes to a full one takes another's place. A step of a training run may launch a thousand
 * different things: what is forgotten in every round keeps the GPU waiting in every round.
 */
#ifndef HAMI_CORE_COSTS_H
#define HAMI_CORE_COSTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define COSTS_SETS 512
#define COSTS_WAYS 8

/* An entry's upper half: that of the name. Lower half: ns + 1, at most 2^32 - 1. 0: nothing is known. */
struct costs {
    _Alignas(64) _Atomic uint64_t entries[COSTS_SETS][COSTS_WAYS];
};

/* The name of a launch: a function or graph, and how many threads it has. */
static inline uint64_t costs_name(const void *what, uint64_t threads) {
    uint64_t mixed =
        ((uint64_t)(uintptr_t)what ^ (threads * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);
    return mixed ^ (mixed >> 29);
}

/* False if it is not known what such a launch costs. `ns` is 1 more than was learnt: no launch is for nothing. */
static inline bool costs_find(const struct costs *costs, uint64_t name, uint64_t *ns) {
    const _Atomic uint64_t *set = costs->entries[name % COSTS_SETS];
    for (unsigned way = 0; way < COSTS_WAYS; way++) {
        uint64_t entry = atomic_load_explicit(&set[way], memory_order_relaxed);
        *ns = (uint32_t)entry;
        if (entry != 0 && entry >> 32 == name >> 32)
            return true;
    }
    return false;
}

/* What is launched: its name, that of all launches of the same function, and how many threads it has; 0: a graph, which
 * has no others like it. */
struct task {
    uint64_t name, family, threads;
};

static inline struct task costs_task(const void *what, uint64_t threads) {
    return (struct task){costs_name(what, threads), costs_name(what, UINT64_MAX), threads};
}

/* What a task should cost: as such a launch did before, or else by its threads, as others of the same function did. */
bool costs_expect(const struct costs *costs, const struct task *task, uint64_t *ns);

/* What a launch took, in ns: all the same where it could be measured. */
struct bounds {
    uint64_t least, guess, most;
};

/* Takes in what a launch took, and returns what that is now held for. */
uint64_t costs_learn(struct costs *costs, const struct task *task, struct bounds took);

#endif
