/* See queue.h. */
#include "sim/cuda/queue.h"

#include "sim/common/engine.h"
#include "sim/cuda/queue_object.h"

#include <time.h>

#define SPIN_NS 50000u /* about what the kernel takes to wake somebody */

CUresult queue_query(CUdevice device, uint64_t position) {
    if (position == 0)
        return CUDA_SUCCESS;
    struct queue *queue = queue_on(device);
    pthread_mutex_lock(&queue->lock);
    CUresult result = queue_check(queue, position);
    pthread_mutex_unlock(&queue->lock);
    return result;
}

CUresult queue_expect(CUdevice device, uint64_t position, uint64_t *until) {
    if (position == 0)
        return CUDA_SUCCESS;
    struct queue *queue = queue_on(device);
    pthread_mutex_lock(&queue->lock);
    *until = queue_look_ahead(queue, position);
    bool is_done = position <= queue->served;
    pthread_mutex_unlock(&queue->lock);
    return is_done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
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

void queue_wait(CUdevice device, uint64_t position, bool may_spin) {
    uint64_t until;
    if (queue_query(device, position) == CUDA_SUCCESS)
        return;
    while (queue_expect(device, position, &until) != CUDA_SUCCESS)
        rest(until, may_spin);
}

/* Waits until the queue has room, with its lock held but while it waits. */
static void make_room(struct queue *queue, CUdevice device) {
    for (uint64_t oldest; (oldest = queue->ends[queue->puts % QUEUE_DEPTH]) > queue->served;) {
        pthread_mutex_unlock(&queue->lock);
        queue_wait(device, oldest, true);
        pthread_mutex_lock(&queue->lock);
    }
}

CUresult queue_put(CUdevice device, uint64_t ns, uint64_t *position) {
    struct queue *queue = queue_on(device);
    if (queue == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    pthread_mutex_lock(&queue->lock);
    make_room(queue, device);
    if (engine_clock() < queue->busy_until)
        queue_add(queue, ns);
    else
        queue_look_and_add(queue, ns);
    *position = queue_end(queue);
    queue->ends[queue->puts++ % QUEUE_DEPTH] = *position;
    pthread_mutex_unlock(&queue->lock);
    return CUDA_SUCCESS;
}
