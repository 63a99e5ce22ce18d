/* Instants at which queues come to positions. */
#include "sim/common/engine.h"
#include "sim/cuda/queue_object.h"

/* With the queue's lock held: notes the instant as a mark, once there is room for one. */
static void mark(struct queue *queue, struct instant *instant) {
    uint64_t oldest;
    while (!queue_marks_add(&queue->marks, instant, queue->served, &oldest)) {
        pthread_mutex_unlock(&queue->lock);
        queue_wait(instant->device, oldest, true);
        pthread_mutex_lock(&queue->lock);
    }
}

void queue_note(struct instant *instant, CUdevice device, uint64_t position, bool timed) {
    uint64_t now = engine_clock();
    bool is_known = position == 0 || !timed;
    *instant = (struct instant){.device = device, .position = position, .asked = now, .passed = is_known ? now : 0};
    if (is_known)
        return;
    struct queue *queue = queue_on(device);
    pthread_mutex_lock(&queue->lock);
    if (queue_check(queue, position) == CUDA_SUCCESS)
        instant->passed = now;
    else
        mark(queue, instant);
    pthread_mutex_unlock(&queue->lock);
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
