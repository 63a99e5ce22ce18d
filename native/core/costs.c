/* What launches have cost: GPU time by what is launched. */
#include "core/costs.h"

/* One that differs much is of a changed launch (other data, another clock rate), a small difference is noise. */
static uint64_t mean(uint64_t known, uint64_t seen) {
    bool changed = seen > 2 * known || known > 2 * seen;
    return changed ? seen : (3 * known + seen) / 4;
}

void costs_learn(struct costs *costs, uint64_t name, uint64_t ns) {
    uint64_t known;
    uint64_t cost = ns < UINT32_MAX - 1 ? ns + 1 : UINT32_MAX;
    if (costs_find(costs, name, &known))
        cost = mean(known, cost);
    atomic_store_explicit(&costs->entries[name % COSTS_SIZE], (name >> 32) << 32 | cost, memory_order_relaxed);
}
