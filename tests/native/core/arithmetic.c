/* The parts of libvgpu.so's limiter that only compute, as a library that a test calls. */
#include "core/budget.c"
#include "core/costs.c"
#include "core/meter.c"

struct costs costs;

uint64_t name_of(const void *what, uint64_t threads) {
    return costs_name(what, threads);
}

int known_cost(uint64_t name, uint64_t *ns) {
    return costs_find(&costs, name, ns);
}
