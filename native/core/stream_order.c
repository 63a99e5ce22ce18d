/*
 * What was freed in the order of a stream counts until the stream has come to it.
 *
 * The driver keeps it that long, and what is of no pool until something waits for the stream, an event or the context.
 * So an event is set behind it, which is looked at when it matters: when the program has waited, when it looks at its
 * memory or frees more, and before anything is refused. Once the event is over, it is waited for, which takes no time
 * and has the driver let go.
 */
#include "core/stream_order.h"

#include "core/compute.h"
#include "core/current.h"
#include "core/events.h"
#include "core/lock.h"

#include <stdlib.h>

struct freed {
    CUcontext context; /* of the event */
    CUevent event;
    struct allocation allocation;
    struct reference *references;
    struct freed *next;
};

static struct lock lock;
static struct freed *all;
static _Atomic unsigned count;
static unsigned ending; /* threads that have contexts end: events may end under us */

/* A free looks at them when there are twice as many as the last look has left, and a few more: those that wait for one
 * kernel are not looked at each time. */
#define FEW 16
static _Atomic unsigned left;

static void give_back(struct freed *freed) {
    while (freed != NULL) {
        struct freed *next = freed->next;
        gpu_give_back(freed->allocation.gpu, freed->allocation.bytes);
        (void)physical_taken(freed->references, CUDA_SUCCESS);
        free(freed);
        freed = next;
    }
}

/* Takes out of the list what `is_over`, with the lock held. */
static struct freed *take_out(bool (*is_over)(const struct freed *freed)) {
    struct freed *taken = NULL;
    for (struct freed **link = &all; *link != NULL;) {
        struct freed *freed = *link;
        if (!is_over(freed)) {
            link = &freed->next;
            continue;
        }
        *link = freed->next;
        freed->next = taken;
        taken = freed;
        count--;
    }
    return taken;
}

static bool is_reached(const struct freed *freed) {
    if (DRIVER(cuEventQuery)(freed->event) == CUDA_ERROR_NOT_READY)
        return false;
    DRIVER(cuEventSynchronize)(freed->event);
    event_destroy(freed->context, freed->event);
    return true;
}

static bool has_no_context(const struct freed *freed) {
    return !context_is_alive(freed->context);
}

/* Events are not to be looked at while any thread captures a stream, unless one says that it means none of that. */
static struct freed *take_reached(void) {
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
    struct freed *reached = take_out(is_reached);
    DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
    return reached;
}

bool stream_order_collect(void) {
    if (atomic_load_explicit(&count, memory_order_relaxed) == 0 || compute_has_ended())
        return false;
    lock_take(&lock);
    struct freed *reached = ending == 0 ? take_reached() : NULL;
    lock_release(&lock);
    give_back(reached);
    return reached != NULL;
}

static bool set_event(struct freed *freed, CUstream stream) {
    if (!event_context(stream, &freed->context) || (freed->event = event_create(freed->context)) == NULL)
        return false;
    if (DRIVER(cuEventRecord)(freed->event, stream) == CUDA_SUCCESS)
        return true;
    event_destroy(freed->context, freed->event);
    return false;
}

/* A program may free for its whole life and never wait. */
static void keep_few(void) {
    if (count < 2 * left + FEW)
        return;
    (void)stream_order_collect();
    left = count;
}

static void add(CUstream stream, struct freed what) {
    keep_few();
    compute_end_with_process();
    struct freed *freed = malloc(sizeof *freed);
    if (freed == NULL || !set_event(&what, stream)) {
        free(freed);
        gpu_give_back(what.allocation.gpu, what.allocation.bytes);
        (void)physical_taken(what.references, CUDA_SUCCESS);
        return;
    }
    *freed = what;
    lock_take(&lock);
    freed->next = all;
    all = freed;
    count++;
    lock_release(&lock);
}

void stream_order_free(CUstream stream, struct allocation freed) {
    add(stream, (struct freed){.allocation = freed});
}

void stream_order_unmap(CUstream stream, struct reference *unmapped) {
    if (unmapped != NULL)
        add(stream, (struct freed){.references = unmapped});
}

void stream_order_contexts_ending(void) {
    lock_take(&lock);
    ending++;
    lock_release(&lock);
}

void stream_order_contexts_ended(void) {
    lock_take(&lock);
    struct freed *gone = take_out(has_no_context);
    ending--;
    lock_release(&lock);
    give_back(gone);
}

void stream_order_forget(void) {
    /* Another of the parent's threads may have been in the middle of a change: nothing in here can be relied on. */
    all = NULL;
    count = 0;
    left = 0;
    ending = 0;
    lock_release(&lock);
}
