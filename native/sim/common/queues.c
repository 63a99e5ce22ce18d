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

/* Has the GPU know no more of its former owner than that it has ended. */
static bool retire(const struct machine *machine, uint32_t index) {
    unsigned gpu = atomic_load(&machine->state->queues[index].gpu) % SIM_MAX_GPUS;
    if (engine_open(machine, gpu, SIM_MAX_QUEUES) == NULL)
        return false;
    engine_commit(machine, gpu);
    engine_close(machine, gpu);
    return true;
}

static bool take(const struct machine *machine, uint32_t index, unsigned gpu) {
    struct sim_queue *queue = &machine->state->queues[index];
    if (!retire(machine, index))
        return false;
    atomic_store(&queue->gpu, gpu);
    atomic_store(&queue->enqueued, 0);
    atomic_store(&queue->marked, 0);
    atomic_store(&queue->began, engine_clock());
    atomic_store(&queue->pid, (int32_t)getpid());
    return machine_lock(machine, queue, F_WRLCK, false);
}

static bool join(const struct machine *machine, uint32_t index, unsigned gpu) {
    struct sim_schedule *schedule = engine_open(machine, gpu, SIM_MAX_QUEUES);
    if (schedule == NULL)
        return false;
    bool joined = schedule->count < SIM_MAX_SHARERS;
    if (joined)
        schedule->sharers[schedule->count++] = (struct sim_sharer){.queue = index};
    engine_commit(machine, gpu);
    engine_close(machine, gpu);
    if (!joined)
        machine_lock(machine, &machine->state->queues[index], F_UNLCK, false);
    return joined;
}

uint32_t queues_claim(const struct machine *machine, unsigned gpu) {
    if (!slots_lock(machine))
        return SIM_MAX_QUEUES;
    uint32_t index = find_unowned(machine);
    bool claimed = index < SIM_MAX_QUEUES && take(machine, index, gpu) && join(machine, index, gpu);
    slots_unlock(machine);
    return claimed ? index : SIM_MAX_QUEUES;
}
