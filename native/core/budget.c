/* A share's account of GPU time, as arithmetic on one number. */
#include "core/budget.h"

#include "core/numbers.h"

#define PERCENT 100

/* The account lies where the tenant can write and, by the environment contract, may be from before a reboot. */
#define LARGEST_DEBT_NS UINT64_C(60000000000)

/* What a share can be denied by others' long kernels and still get later. */
#define LARGEST_SAVING_NS UINT64_C(1000000000)

static uint64_t plausible(uint64_t paid_until, uint64_t now) {
    if (paid_until > now + LARGEST_DEBT_NS)
        return now + LARGEST_DEBT_NS;
    uint64_t earliest = less_or_0(now, LARGEST_SAVING_NS);
    return paid_until < earliest ? earliest : paid_until;
}

int64_t budget_left(uint64_t paid_until, uint64_t now, unsigned cores) {
    return ((int64_t)now - (int64_t)plausible(paid_until, now)) * (int64_t)cores / PERCENT;
}

int64_t budget_enough(unsigned cores) {
    return (int64_t)(BUDGET_PERIOD_NS * cores * (PERCENT - cores) / (PERCENT * PERCENT));
}

uint64_t budget_wait(uint64_t paid_until, uint64_t now, unsigned cores, int64_t wanted) {
    int64_t missing = wanted - budget_left(paid_until, now, cores);
    return missing > 0 ? (uint64_t)missing * PERCENT / cores : 0;
}

uint64_t budget_charge(uint64_t paid_until, uint64_t now, unsigned cores, uint64_t used) {
    uint64_t due = used < LARGEST_DEBT_NS ? used * PERCENT / cores : LARGEST_DEBT_NS;
    return plausible(plausible(paid_until, now) + due, now);
}

uint64_t budget_begin(uint64_t paid_until, uint64_t now, unsigned cores) {
    uint64_t saved = less_or_0(now, BUDGET_PERIOD_NS * (PERCENT - cores) / PERCENT);
    uint64_t paid = plausible(paid_until, now);
    return paid < saved ? saved : paid;
}

uint64_t budget_turn(unsigned cores) {
    return BUDGET_PERIOD_NS * cores / PERCENT;
}
