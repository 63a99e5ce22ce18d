/* This process's queue on one device, for the files that are about queues. */
#ifndef HAMI_SIM_QUEUE_OBJECT_H
#define HAMI_SIM_QUEUE_OBJECT_H

#include "sim/cuda/queue.h"
#include "sim/cuda/queue_marks.h"

#include <pthread.h>

#define QUEUE_DEPTH   1024
#define QUEUE_LOOK_NS 10000000u /* a waiter looks that often at least: somebody may have died */

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

/* The device's queue, made when it is first needed. NULL if there can be no more. */
struct queue *queue_on(CUdevice device);

/* All with the queue's lock held. */

/* The position behind all that was put in. */
uint64_t queue_end(const struct queue *queue);

/* Puts work in where the queue is surely not empty; and where it may be, after bringing the schedule up to now. */
void queue_add(struct queue *queue, uint64_t ns);
void queue_look_and_add(struct queue *queue, uint64_t ns);

/* Brings the schedule up to now. Tells until when to wait before the queue may have come to a position. */
void queue_look(struct queue *queue);
uint64_t queue_look_ahead(struct queue *queue, uint64_t position);

/* Tells whether the queue has come to a position, and looks if it must. */
CUresult queue_check(struct queue *queue, uint64_t position);

#endif
