/* What launches have cost: GPU time by what is launched. */
#include "core/costs.h"

#include <stddef.h>

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

uint64_t costs_learn(struct costs *costs, uint64_t name, struct bounds took) {
    uint64_t known;
    uint64_t cost = took.guess;
    if (costs_find(costs, name, &known))
        cost = corrected(known - 1, took);
    uint64_t entry = cost < UINT32_MAX - 1 ? cost + 1 : UINT32_MAX;
    atomic_store_explicit(place_for(costs, name), (name >> 32) << 32 | entry, memory_order_relaxed);
    return cost;
}
