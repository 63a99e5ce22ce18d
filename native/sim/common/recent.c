/* See recent.h. */
#include "sim/common/recent.h"

/* Forgets what the spans up to this one held before. */
static void move_to(struct sim_recent *recent, uint64_t span) {
    uint64_t first = recent->last + 1;
    if (span >= SIM_SPANS && first < span - SIM_SPANS + 1)
        first = span - SIM_SPANS + 1;
    for (uint64_t i = first; i <= span; i++)
        recent->ns[i % SIM_SPANS] = 0;
    if (span > recent->last)
        recent->last = span;
}

void recent_add(struct sim_recent *recent, uint64_t start, uint64_t ns) {
    uint64_t end = start + ns;
    uint64_t oldest = (uint64_t)SIM_SPANS * SIM_SPAN_NS;
    if (ns > oldest)
        start = end - oldest;
    while (start < end) {
        uint64_t span = start / SIM_SPAN_NS;
        uint64_t until = (span + 1) * SIM_SPAN_NS;
        if (until > end)
            until = end;
        move_to(recent, span);
        recent->ns[span % SIM_SPANS] += (uint32_t)(until - start);
        start = until;
    }
}

uint64_t recent_sum(const struct sim_recent *recent, uint64_t first, uint64_t end) {
    uint64_t sum = 0;
    uint64_t oldest = recent->last >= SIM_SPANS ? recent->last - SIM_SPANS + 1 : 0;
    for (uint64_t span = first > oldest ? first : oldest; span < end && span <= recent->last; span++)
        sum += recent->ns[span % SIM_SPANS];
    return sum;
}
