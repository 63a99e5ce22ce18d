/* The schedule that counts changes in one step: a change is prepared in a second one, and `sequence` then says that it
 * is the one that counts. A process killed before that has changed nothing, and nobody waits for the dead.
 *
 * What a process that was killed had in its queue goes when somebody notices; it counts as having run until somebody
 * last looked before that, which whoever waits for the GPU does every 10 ms.
 */
#include "sim/common/engine.h"

#include "sim/common/engine_lock.h"
#include "sim/common/queues.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t engine_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned engine_find(const struct sim_schedule *schedule, uint32_t queue) {
    unsigned i = 0;
    while (i < schedule->count && schedule->sharers[i].queue != queue)
        i++;
    return i;
}

struct schedule_rules engine_rules(const struct machine *machine) {
    return (struct schedule_rules){machine->state->slice_ns, machine->state->switch_ns};
}

static void copy(struct sim_schedule *to, const struct sim_schedule *from) {
    unsigned count = from->count < SIM_MAX_SHARERS ? from->count : SIM_MAX_SHARERS;
    memcpy(to, from, offsetof(struct sim_schedule, sharers) + count * sizeof(from->sharers[0]));
    to->count = count;
    to->turn = count > 0 ? to->turn % count : 0;
}

static struct sim_queue *queue_of(const struct machine *machine, const struct sim_sharer *sharer) {
    return &machine->state->queues[sharer->queue % SIM_MAX_QUEUES];
}

/* Writes into the marks of a queue when they were passed. */
static void stamp(void *argument, struct sim_sharer *sharer, uint64_t start, uint64_t ns) {
    const struct machine *machine = argument;
    struct sim_queue *queue = queue_of(machine, sharer);
    uint64_t end = atomic_load(&queue->marked);
    bool in_order = true;
    if (end > SIM_MARKS && sharer->marked < end - SIM_MARKS)
        sharer->marked = end - SIM_MARKS;
    for (uint64_t i = sharer->marked; i < end; i++) {
        struct sim_mark *mark = &queue->marks[i % SIM_MARKS];
        uint64_t position = atomic_load(&mark->position);
        bool is_passed = position <= sharer->served + ns;
        if (is_passed && position > sharer->served)
            atomic_store(&mark->passed, start + (position - sharer->served));
        in_order = in_order && is_passed;
        if (in_order)
            sharer->marked = i + 1;
    }
}

/* What is in the queues now, but no more in those of the dead. */
static void read_queues(const struct machine *machine, struct sim_schedule *schedule) {
    for (unsigned i = 0; i < schedule->count; i++)
        schedule->sharers[i].enqueued = atomic_load(&queue_of(machine, &schedule->sharers[i])->enqueued);
}

static void bury(const struct machine *machine, unsigned gpu, struct sim_schedule *schedule, unsigned sharer) {
    struct sim_engine *engine = &machine->state->engines[gpu];
    const struct sim_queue *queue = queue_of(machine, &schedule->sharers[sharer]);
    engine->ended[schedule->ended % SIM_ENDED] =
        (struct sim_ended){atomic_load(&queue->began), schedule->sharers[sharer].served, atomic_load(&queue->pid)};
    schedule->ended++;
    schedule_remove(schedule, sharer);
}

bool engine_owner(const struct machine *machine, const struct sim_sharer *sharer, pid_t *pid) {
    return sharer->generation == atomic_load(&queue_of(machine, sharer)->generation) &&
           queues_owner(machine, sharer->queue, pid);
}

static bool is_dead(const struct machine *machine, const struct sim_sharer *sharer, uint32_t own) {
    pid_t pid;
    bool is_own = sharer->queue == own && sharer->generation == atomic_load(&queue_of(machine, sharer)->generation);
    return !is_own && !engine_owner(machine, sharer, &pid);
}

static void bury_the_dead(const struct machine *machine, unsigned gpu, struct sim_schedule *schedule, uint32_t own) {
    for (unsigned i = schedule->count; i-- > 0;)
        if (is_dead(machine, &schedule->sharers[i], own))
            bury(machine, gpu, schedule, i);
}

struct sim_schedule *engine_open(const struct machine *machine, unsigned gpu, uint32_t own, bool thoroughly) {
    struct sim_engine *engine = &machine->state->engines[gpu];
    struct schedule_rules rules = engine_rules(machine);
    engine_lock(machine, gpu, own);
    uint64_t sequence = atomic_load(&engine->sequence);
    struct sim_schedule *schedule = &engine->schedules[(sequence + 1) % 2];
    copy(schedule, &engine->schedules[sequence % 2]);
    uint64_t now = engine_clock();
    if (thoroughly || now - schedule->buried >= rules.slice_ns) {
        bury_the_dead(machine, gpu, schedule, own);
        schedule->buried = now;
    }
    read_queues(machine, schedule);
    schedule_advance(schedule, &rules, now, stamp, (void *)machine);
    return schedule;
}

void engine_commit(const struct machine *machine, unsigned gpu) {
    atomic_fetch_add(&machine->state->engines[gpu].sequence, 1);
}

struct sim_schedule *engine_scratch(const struct machine *machine, unsigned gpu) {
    struct sim_engine *engine = &machine->state->engines[gpu];
    uint64_t sequence = atomic_load(&engine->sequence);
    struct sim_schedule *scratch = &engine->schedules[(sequence + 1) % 2];
    copy(scratch, &engine->schedules[sequence % 2]);
    read_queues(machine, scratch);
    return scratch;
}

void engine_close(const struct machine *machine, unsigned gpu) {
    engine_unlock(machine, gpu);
}

/* What is read before is read before what comes after. ThreadSanitizer knows no fences. */
static void fence(void) {
#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(memory_order_acquire);
#endif
}

/* Copies a schedule of which nobody has changed anything meanwhile. */
static void copy_whole(const struct sim_engine *engine, struct sim_schedule *schedule) {
    uint64_t sequence;
    do {
        sequence = atomic_load(&engine->sequence);
        copy(schedule, &engine->schedules[sequence % 2]);
        fence();
    } while (atomic_load(&engine->sequence) != sequence);
}

struct sim_schedule *engine_copy(const struct machine *machine, unsigned gpu) {
    struct schedule_rules rules = engine_rules(machine);
    struct sim_schedule *schedule = malloc(sizeof(*schedule));
    if (schedule == NULL)
        return NULL;
    copy_whole(&machine->state->engines[gpu], schedule);
    read_queues(machine, schedule);
    for (unsigned i = 0; i < schedule->count; i++) {
        pid_t pid;
        if (!engine_owner(machine, &schedule->sharers[i], &pid))
            schedule->sharers[i].enqueued = schedule->sharers[i].served;
    }
    schedule_advance(schedule, &rules, engine_clock(), NULL, NULL);
    return schedule;
}

void engine_each_ended(const struct machine *machine, unsigned gpu, const struct sim_schedule *schedule,
                       void (*act)(void *argument, const struct sim_ended *ended), void *argument) {
    const struct sim_engine *engine = &machine->state->engines[gpu];
    for (uint64_t i = schedule->ended > SIM_ENDED ? schedule->ended - SIM_ENDED : 0; i < schedule->ended; i++)
        act(argument, &engine->ended[i % SIM_ENDED]);
}
