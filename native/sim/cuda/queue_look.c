/* Queues and the engines' schedules: how far a queue has come, and what is put in.
 *
 * Work is put in without a word to anybody while the queue is surely not empty: then it changes nothing that happens
 * before its turn. Only who may begin something takes the engine's lock, and brings its schedule up to now first.
 */
#include "sim/common/engine.h"
#include "sim/common/queues.h"
#include "sim/cuda/process.h"
#include "sim/cuda/queue_object.h"

#include <stdlib.h>

static _Atomic(struct queue *) queues[SIM_MAX_GPUS];

static const struct machine *machine_of(void) {
    return &process_get()->machine;
}

static struct queue *create(CUdevice device) {
    struct queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL)
        return NULL;
    queue->gpu = process_get()->gpus[device];
    queue->index = queues_join(machine_of(), queue->gpu);
    if (queue->index == SIM_MAX_QUEUES) {
        free(queue);
        return NULL;
    }
    queue->shared = &machine_of()->state->queues[queue->index];
    queue_marks_begin(&queue->marks, queue->shared);
    pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

struct queue *queue_on(CUdevice device) {
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    struct queue *queue = atomic_load_explicit(&queues[device], memory_order_acquire);
    if (queue != NULL)
        return queue;
    pthread_mutex_lock(&making);
    queue = atomic_load(&queues[device]);
    if (queue == NULL)
        atomic_store(&queues[device], queue = create(device));
    pthread_mutex_unlock(&making);
    return queue;
}

uint64_t queue_end(const struct queue *queue) {
    return atomic_load_explicit(&queue->shared->enqueued, memory_order_relaxed);
}

/* Brings the schedule up to now, and notes how far the queue has come. The engine stays open. */
static void open_engine(struct queue *queue) {
    const struct sim_schedule *schedule = engine_open(machine_of(), queue->gpu, queue->index, false);
    unsigned sharer = engine_find(schedule, queue->index);
    queue->looked = schedule->now;
    queue->served = sharer < schedule->count ? schedule->sharers[sharer].served : queue_end(queue);
    queue->busy_until = queue->looked + (queue_end(queue) - queue->served);
    engine_commit(machine_of(), queue->gpu);
}

void queue_add(struct queue *queue, uint64_t ns) {
    atomic_store(&queue->shared->enqueued, queue_end(queue) + ns);
    queue->busy_until += ns;
}

void queue_look_and_add(struct queue *queue, uint64_t ns) {
    open_engine(queue);
    queue_add(queue, ns);
    engine_close(machine_of(), queue->gpu);
}

void queue_look(struct queue *queue) {
    open_engine(queue);
    engine_close(machine_of(), queue->gpu);
}

uint64_t queue_look_ahead(struct queue *queue, uint64_t position) {
    struct schedule_rules rules = engine_rules(machine_of());
    open_engine(queue);
    struct sim_schedule *future = engine_scratch(machine_of(), queue->gpu);
    unsigned sharer = engine_find(future, queue->index);
    uint64_t limit = future->now + QUEUE_LOOK_NS;
    uint64_t until = sharer < future->count ? schedule_foresee(future, &rules, sharer, position, limit) : 0;
    engine_close(machine_of(), queue->gpu);
    return until;
}

/* Tells without a look that the position was not reached, if that can be told. */
static bool is_surely_behind(const struct queue *queue, uint64_t position) {
    return position > queue->served && engine_clock() < queue->looked + (position - queue->served);
}

CUresult queue_check(struct queue *queue, uint64_t position) {
    if (is_surely_behind(queue, position))
        return CUDA_ERROR_NOT_READY;
    if (position > queue->served)
        queue_look(queue);
    return position <= queue->served ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

/* Takes the locks of all queues of this process, or of none: who holds one may be a thread that exit has interrupted.
 */
static bool lock_all(void) {
    for (CUdevice device = 0; device < process_get()->device_count; device++) {
        struct queue *queue = atomic_load(&queues[device]);
        if (queue == NULL || pthread_mutex_trylock(&queue->lock) == 0)
            continue;
        while (device-- > 0)
            if ((queue = atomic_load(&queues[device])) != NULL)
                pthread_mutex_unlock(&queue->lock);
        return false;
    }
    return true;
}

/* A process that ends with work to do has had the device up to then. */
__attribute__((destructor)) static void look_for_the_last_time(void) {
    if (process_get() == NULL || !lock_all())
        return;
    for (CUdevice device = 0; device < process_get()->device_count; device++) {
        struct queue *queue = atomic_load(&queues[device]);
        if (queue == NULL)
            continue;
        queue_look(queue);
        pthread_mutex_unlock(&queue->lock);
    }
}
