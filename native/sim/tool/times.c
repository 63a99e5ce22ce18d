/* See times.h. */
#include "sim/tool/times.h"

#include "sim/common/engine.h"

#include <stdio.h>
#include <stdlib.h>

struct list {
    const char *separator;
};

static void print_time(struct list *list, pid_t pid, uint64_t began, uint64_t served, bool ended) {
    printf("%s{\"pid\": %d, \"began_ns\": %llu, \"served_ns\": %llu, \"ended\": %s}", list->separator, (int)pid,
           (unsigned long long)began, (unsigned long long)served, ended ? "true" : "false");
    list->separator = ", ";
}

static void print_ended(void *argument, const struct sim_ended *ended) {
    print_time(argument, ended->pid, ended->began, ended->served, true);
}

bool times_print(const struct machine *machine, unsigned gpu, uint32_t own) {
    if (own < SIM_MAX_QUEUES) {
        engine_open(machine, gpu, own, true);
        engine_commit(machine, gpu);
        engine_close(machine, gpu);
    }
    struct sim_schedule *schedule = engine_copy(machine, gpu);
    struct list list = {""};
    if (schedule == NULL)
        return false;
    printf("\"now_ns\": %llu, \"times\": [", (unsigned long long)schedule->now);
    engine_each_ended(machine, gpu, schedule, print_ended, &list);
    for (unsigned i = 0; i < schedule->count; i++) {
        const struct sim_sharer *sharer = &schedule->sharers[i];
        const struct sim_queue *queue = &machine->state->queues[sharer->queue % SIM_MAX_QUEUES];
        pid_t pid;
        bool ended = !engine_owner(machine, sharer, &pid);
        print_time(&list, ended ? atomic_load(&queue->pid) : pid, atomic_load(&queue->began), sharer->served, ended);
    }
    printf("]");
    free(schedule);
    return true;
}
