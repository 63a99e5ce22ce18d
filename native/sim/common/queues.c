/* See queues.h. A queue changes hands as slots do, under the same lock. */
#include "sim/common/queues.h"

#include "sim/common/engine.h"
#include "sim/common/slots.h"

#include <fcntl.h>
#include <unistd.h>

bool queues_owner(const struct machine *machine, uint32_t queue, pid_t *pid) {
    return queue < SIM_MAX_QUEUES && machine_lock_owner(machine, &machine->state->queues[queue], pid);
}

/* The index of a queue that nobody owns; SIM_MAX_QUEUES: there is none. */
static uint32_t find_unowned(const struct machine *machine) {
    uint32_t seen = atomic_load(&machine->state->queues_seen);
    uint32_t index = 0;
    pid_t pid;
    while (index < seen && queues_owner(machine, index, &pid))
        index++;
    if (index == seen && seen < SIM_MAX_QUEUES)
        atomic_store(&machine->state->queues_seen, seen + 1);
    return index;
}

/* Has the GPU on which the queue was last know no more of its former owner than that it has ended. */
static void retire(const struct machine *machine, uint32_t index) {
    unsigned gpu = atomic_load(&machine->state->queues[index].gpu) % SIM_MAX_GPUS;
    engine_open(machine, gpu, index, true);
    engine_commit(machine, gpu);
    engine_close(machine, gpu);
}

/* Takes a queue that is on no GPU yet, under the slots' lock. */
static uint32_t take(const struct machine *machine) {
    uint32_t index = find_unowned(machine);
    if (index == SIM_MAX_QUEUES)
        return index;
    struct sim_queue *queue = &machine->state->queues[index];
    atomic_fetch_add(&queue->generation, 1);
    if (!machine_lock(machine, queue, F_WRLCK, false))
        return SIM_MAX_QUEUES;
    retire(machine, index);
    atomic_store(&queue->enqueued, 0);
    atomic_store(&queue->marked, 0);
    atomic_store(&queue->began, engine_clock());
    atomic_store(&queue->pid, (int32_t)getpid());
    return index;
}

uint32_t queues_take(const struct machine *machine) {
    if (!slots_lock(machine))
        return SIM_MAX_QUEUES;
    uint32_t index = take(machine);
    slots_unlock(machine);
    return index;
}

uint32_t queues_join(const struct machine *machine, unsigned gpu) {
    uint32_t index = queues_take(machine);
    if (index == SIM_MAX_QUEUES)
        return index;
    struct sim_queue *queue = &machine->state->queues[index];
    atomic_store(&queue->gpu, gpu);
    struct sim_schedule *schedule = engine_open(machine, gpu, index, true);
    bool joined = schedule->count < SIM_MAX_SHARERS;
    if (joined)
        schedule->sharers[schedule->count++] =
            (struct sim_sharer){.queue = index, .generation = atomic_load(&queue->generation)};
    engine_commit(machine, gpu);
    engine_close(machine, gpu);
    if (!joined)
        machine_lock(machine, queue, F_UNLCK, false);
    return joined ? index : SIM_MAX_QUEUES;
}
