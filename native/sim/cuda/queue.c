/* Work is put in without a word to anybody while the queue is surely not empty: then it changes nothing that happens
 * before its turn. Only who may begin something takes the engine's lock, and brings its schedule up to now first.
 */
#include "sim/cuda/queue.h"

#include "sim/common/engine.h"
#include "sim/common/queues.h"
#include "sim/cuda/process.h"
#include "sim/cuda/queue_marks.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE_DEPTH 1024
#define SPIN_NS     50000u    /* about what the kernel takes to wake somebody */
#define LOOK_NS     10000000u /* a waiter looks that often at least: somebody may have died */

struct queue {
    pthread_mutex_t lock;
    unsigned gpu;
    uint32_t index;
    struct sim_queue *shared;
    uint64_t looked;     /* when the schedule was last advanced by us */
    uint64_t served;     /* and up to which position it had come */
    uint64_t busy_until; /* before then the queue cannot be empty */
    uint64_t puts;       /* how often work was put in */
    uint64_t ends[QUEUE_DEPTH];
    struct queue_marks marks;
};

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

/* The device's queue, made when it is first needed. NULL if there can be no more. */
static struct queue *queue_on(CUdevice device) {
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

static uint64_t end_of(const struct queue *queue) {
    return atomic_load_explicit(&queue->shared->enqueued, memory_order_relaxed);
}

/* Between engine_open and engine_commit: notes how far the queue has come. */
static void note_progress(struct queue *queue, const struct sim_schedule *schedule) {
    unsigned sharer = engine_find(schedule, queue->index);
    queue->looked = schedule->now;
    queue->served = sharer < schedule->count ? schedule->sharers[sharer].served : end_of(queue);
    queue->busy_until = queue->looked + (end_of(queue) - queue->served);
}

/* Adds work, with the queue's lock held. */
static void add(struct queue *queue, uint64_t ns) {
    atomic_store(&queue->shared->enqueued, end_of(queue) + ns);
    queue->busy_until += ns;
}

/* Brings the schedule up to now, then adds work. With 0 ns it only looks. */
static CUresult look_and_add(struct queue *queue, uint64_t ns) {
    const struct machine *machine = machine_of();
    const struct sim_schedule *schedule = engine_open(machine, queue->gpu, queue->index, false);
    note_progress(queue, schedule);
    engine_commit(machine, queue->gpu);
    if (ns != 0)
        add(queue, ns);
    engine_close(machine, queue->gpu);
    return CUDA_SUCCESS;
}

/* Looks how far the queue has come, and until when to wait before it may have come to the position. */
static CUresult look_ahead(struct queue *queue, uint64_t position, uint64_t *until) {
    const struct machine *machine = machine_of();
    struct schedule_rules rules = engine_rules(machine);
    const struct sim_schedule *schedule = engine_open(machine, queue->gpu, queue->index, false);
    note_progress(queue, schedule);
    engine_commit(machine, queue->gpu);
    struct sim_schedule *future = engine_scratch(machine, queue->gpu);
    unsigned sharer = engine_find(future, queue->index);
    *until = sharer < future->count ? schedule_foresee(future, &rules, sharer, position, future->now + LOOK_NS) : 0;
    engine_close(machine, queue->gpu);
    return queue->served >= position ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

/* Tells without a look whether the position was reached, if that can be told. */
static bool is_surely_behind(const struct queue *queue, uint64_t position) {
    return position > queue->served && engine_clock() < queue->looked + (position - queue->served);
}

static CUresult query(struct queue *queue, uint64_t position) {
    CUresult result = CUDA_SUCCESS;
    if (is_surely_behind(queue, position))
        return CUDA_ERROR_NOT_READY;
    if (position > queue->served)
        result = look_and_add(queue, 0);
    if (result != CUDA_SUCCESS)
        return result;
    return position <= queue->served ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CUresult queue_query(CUdevice device, uint64_t position) {
    if (position == 0)
        return CUDA_SUCCESS;
    struct queue *queue = queue_on(device);
    pthread_mutex_lock(&queue->lock);
    CUresult result = query(queue, position);
    pthread_mutex_unlock(&queue->lock);
    return result;
}

static void sleep_until(uint64_t instant) {
    struct timespec until = {.tv_sec = (time_t)(instant / 1000000000u), .tv_nsec = (long)(instant % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void rest(uint64_t until, bool may_spin) {
    if (!may_spin)
        sleep_until(until);
    else if (until > engine_clock() + SPIN_NS)
        sleep_until(until - SPIN_NS);
    while (may_spin && engine_clock() < until)
        continue;
}

CUresult queue_expect(CUdevice device, uint64_t position, uint64_t *until) {
    if (position == 0)
        return CUDA_SUCCESS;
    struct queue *queue = queue_on(device);
    pthread_mutex_lock(&queue->lock);
    CUresult result = look_ahead(queue, position, until);
    pthread_mutex_unlock(&queue->lock);
    return result;
}

CUresult queue_wait(CUdevice device, uint64_t position, bool may_spin) {
    CUresult result = queue_query(device, position);
    while (result == CUDA_ERROR_NOT_READY) {
        uint64_t until;
        result = queue_expect(device, position, &until);
        if (result == CUDA_ERROR_NOT_READY)
            rest(until, may_spin);
    }
    return result;
}

/* Waits until the queue has room, with its lock held but while it waits. */
static CUresult make_room(struct queue *queue, CUdevice device) {
    CUresult result = CUDA_SUCCESS;
    while (result == CUDA_SUCCESS && queue->ends[queue->puts % QUEUE_DEPTH] > queue->served) {
        uint64_t oldest = queue->ends[queue->puts % QUEUE_DEPTH];
        pthread_mutex_unlock(&queue->lock);
        result = queue_wait(device, oldest, true);
        pthread_mutex_lock(&queue->lock);
    }
    return result;
}

CUresult queue_put(CUdevice device, uint64_t ns, uint64_t *position) {
    struct queue *queue = queue_on(device);
    if (queue == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    pthread_mutex_lock(&queue->lock);
    CUresult result = make_room(queue, device);
    if (result == CUDA_SUCCESS && engine_clock() >= queue->busy_until)
        result = look_and_add(queue, ns);
    else if (result == CUDA_SUCCESS)
        add(queue, ns);
    *position = end_of(queue);
    if (result == CUDA_SUCCESS)
        queue->ends[queue->puts++ % QUEUE_DEPTH] = *position;
    pthread_mutex_unlock(&queue->lock);
    return result;
}

/* With the queue's lock held: notes the instant as a mark, once there is room for one. */
static CUresult mark(struct queue *queue, struct instant *instant) {
    uint64_t oldest;
    while (!queue_marks_add(&queue->marks, instant, queue->served, &oldest)) {
        pthread_mutex_unlock(&queue->lock);
        CUresult result = queue_wait(instant->device, oldest, true);
        pthread_mutex_lock(&queue->lock);
        if (result != CUDA_SUCCESS)
            return result;
    }
    return CUDA_SUCCESS;
}

CUresult queue_note(struct instant *instant, CUdevice device, uint64_t position, bool timed) {
    uint64_t now = engine_clock();
    bool is_known = position == 0 || !timed;
    *instant = (struct instant){.device = device, .position = position, .asked = now, .passed = is_known ? now : 0};
    if (is_known)
        return CUDA_SUCCESS;
    struct queue *queue = queue_on(device);
    pthread_mutex_lock(&queue->lock);
    CUresult result = query(queue, position);
    if (result == CUDA_SUCCESS)
        instant->passed = instant->asked;
    else if (result == CUDA_ERROR_NOT_READY)
        result = mark(queue, instant);
    pthread_mutex_unlock(&queue->lock);
    return result;
}

void queue_forget(struct instant *instant) {
    if (instant->position == 0 || instant->passed != 0)
        return;
    struct queue *queue = queue_on(instant->device);
    pthread_mutex_lock(&queue->lock);
    queue_marks_remove(&queue->marks, instant);
    pthread_mutex_unlock(&queue->lock);
}

uint64_t queue_instant(struct instant *instant) {
    if (instant->position != 0 && instant->passed == 0) {
        struct queue *queue = queue_on(instant->device);
        pthread_mutex_lock(&queue->lock);
        queue_marks_read(&queue->marks, instant);
        pthread_mutex_unlock(&queue->lock);
    }
    return instant->passed;
}
