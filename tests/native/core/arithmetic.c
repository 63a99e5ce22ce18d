/* The parts of libvgpu.so's limiter that only compute, as a library that a test calls. */
#include "core/budget.c"
#include "core/costs.c"
#include "core/meter.c"

struct costs costs;

uint64_t name_of(const void *what, uint64_t threads) {
    return costs_name(what, threads);
}

uint64_t expected_cost(const void *what, uint64_t threads) {
    struct task task = costs_task(what, threads);
    uint64_t ns;
    return costs_expect(&costs, &task, &ns) ? ns : 0;
}

uint64_t learn_cost(uint64_t name, struct bounds took) {
    return costs_learn(&costs, &(struct task){.name = name}, took);
}

uint64_t learn_launch(const void *what, uint64_t threads, uint64_t ns) {
    struct task task = costs_task(what, threads);
    return costs_learn(&costs, &task, (struct bounds){ns, ns, ns});
}

int known_cost(uint64_t name, uint64_t *ns) {
    return costs_find(&costs, name, ns);
}
