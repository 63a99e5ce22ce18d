/* What launches have cost: GPU time by what is launched. */
#include "core/costs.h"

#include <stddef.h>

/* The smallest grid takes some time. */
#define LEAST_GUESS_NS 2000

/* One that differs much is of a changed launch (other data, another clock rate), a small difference is noise. */
static uint64_t mean(uint64_t known, uint64_t seen) {
    bool changed = seen > 2 * known || known > 2 * seen;
    return changed ? seen : (3 * known + seen) / 4;
}

/* What is known holds as long as that can be. */
static uint64_t corrected(uint64_t known, struct bounds took) {
    if (took.least == took.most)
        return mean(known, took.most);
    if (known > took.most)
        return took.most;
    return known < took.least ? took.least : known;
}

/* The name's own entry, or a free one, or that of a name which is forgotten. */
static _Atomic uint64_t *place_for(struct costs *costs, uint64_t name) {
    _Atomic uint64_t *set = costs->entries[name % COSTS_SETS], *place = NULL;
    for (unsigned way = 0; way < COSTS_WAYS; way++) {
        uint64_t entry = atomic_load_explicit(&set[way], memory_order_relaxed);
        if (entry != 0 && entry >> 32 == name >> 32)
            return &set[way];
        if (entry == 0 && place == NULL)
            place = &set[way];
    }
    return place != NULL ? place : &set[name / COSTS_SETS % COSTS_WAYS];
}

/* What is known already is not written again: all launches of all threads read it, out of their caches. */
static void store(struct costs *costs, uint64_t name, uint64_t ns) {
    uint64_t entry = (name >> 32) << 32 | (ns < UINT32_MAX - 1 ? ns + 1 : UINT32_MAX);
    _Atomic uint64_t *place = place_for(costs, name);
    if (atomic_load_explicit(place, memory_order_relaxed) != entry)
        atomic_store_explicit(place, entry, memory_order_relaxed);
}

/* A family's entry is what so many of its threads took when one of it was last launched. */
#define THREADS UINT64_C(1024)

static uint64_t threads_of(const struct task *task) {
    return task->threads < UINT32_MAX ? task->threads : UINT32_MAX;
}

bool costs_expect(const struct costs *costs, const struct task *task, uint64_t *ns) {
    if (costs_find(costs, task->name, ns))
        return true;
    uint64_t of_some;
    if (task->threads == 0 || !costs_find(costs, task->family, &of_some))
        return false;
    *ns = of_some * threads_of(task) / THREADS;
    *ns = *ns > LEAST_GUESS_NS ? *ns : LEAST_GUESS_NS;
    return true;
}

uint64_t costs_learn(struct costs *costs, const struct task *task, struct bounds took) {
    uint64_t known;
    uint64_t cost = took.guess;
    if (costs_find(costs, task->name, &known))
        cost = corrected(known - 1, took);
    store(costs, task->name, cost);
    if (task->threads != 0)
        store(costs, task->family, (cost < UINT32_MAX ? cost : UINT32_MAX) * THREADS / threads_of(task));
    return cost;
}
