/* What launches have cost: GPU time by what is launched. */
#include "core/costs.h"

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

uint64_t costs_learn(struct costs *costs, uint64_t name, struct bounds took) {
    uint64_t known;
    uint64_t cost = took.guess;
    if (costs_find(costs, name, &known))
        cost = corrected(known - 1, took);
    uint64_t entry = cost < UINT32_MAX - 1 ? cost + 1 : UINT32_MAX;
    atomic_store_explicit(&costs->entries[name % COSTS_SIZE], (name >> 32) << 32 | entry, memory_order_relaxed);
    return cost;
}
