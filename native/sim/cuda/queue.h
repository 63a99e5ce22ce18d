/* This process's queues: where its work waits for a device, and when it is done.
 *
 * A place in a queue is a position: how much work, in ns, was put in up to there. Everything is done up to position 0.
 */
#ifndef HAMI_SIM_QUEUE_H
#define HAMI_SIM_QUEUE_H

#include "abi/cuda.h"

#include <stdbool.h>

/* Puts work of `ns` into the device's queue; writes the position at which it is done. Waits as long as QUEUE_DEPTH
 * pieces of work are there already, as many launches as the real driver lets wait. */
CUresult queue_put(CUdevice device, uint64_t ns, uint64_t *position);

/* CUDA_SUCCESS if everything is done up to the position, CUDA_ERROR_NOT_READY if not. */
CUresult queue_query(CUdevice device, uint64_t position);

/* The same, and writes until when to wait before it is worth while to ask again. */
CUresult queue_expect(CUdevice device, uint64_t position, uint64_t *until);

/* Waits until everything is done up to the position; for the last few microseconds without sleeping, if it `may_spin`.
 */
void queue_wait(CUdevice device, uint64_t position, bool may_spin);

/* The instant at which a queue came to a position, in ns on the monotonic clock. */
struct instant {
    CUdevice device;
    uint64_t position;
    uint64_t asked;  /* when it was asked for: it is no earlier; 0: it never was */
    uint64_t passed; /* 0: see the mark */
    uint64_t mark;   /* its number */
};

/* Notes an instant, so that it becomes known once the queue comes there if it is `timed`. It must not move until it is
 * known or forgotten. */
void queue_note(struct instant *instant, CUdevice device, uint64_t position, bool timed);
void queue_forget(struct instant *instant);

/* The instant, if queue_query says that the queue has come there. */
uint64_t queue_instant(struct instant *instant);

#endif
