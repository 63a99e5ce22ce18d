/* See deferred.h. One lock for all; nobody holds it while something runs. */
#include "sim/cuda/deferred.h"

#include "sim/cuda/context.h"
#include "sim/cuda/deferred_order.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_NS 10000000u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct deferred_order order;
static bool is_running; /* the thread */
static _Atomic uint64_t pending;
static _Thread_local bool is_calling;

bool deferred_is_nothing(void) {
    return atomic_load_explicit(&pending, memory_order_acquire) == 0;
}

/* A function that is called is deferred until it has returned. */
bool deferred_is_calling(void) {
    return !deferred_is_nothing() && is_calling;
}

static void call(const struct deferred *what) {
    is_calling = true;
    if (what->function != NULL)
        what->function(what->data);
    else
        what->callback(what->stream, CUDA_SUCCESS, what->data);
    is_calling = false;
}

/* Does what is first in a timeline, without the lock. */
static void run(struct timeline *timeline, const struct deferred *what) {
    switch (what->kind) {
    case DEFERRED_WORK:
        timeline_put_now(timeline, what->ns);
        break;
    case DEFERRED_CALL:
        call(what);
        break;
    case DEFERRED_RECORD:
    case DEFERRED_NOTE:
        timeline_record_now(timeline, what->record);
        break;
    case DEFERRED_WAIT:
        timeline_wait_now(timeline, what->record);
        break;
    }
}

/* Whether the device has come as far as what is first in a timeline needs; if not, *until is lowered to when it may
 * have.
 */
static bool is_ready(const struct timeline *timeline, uint64_t *until) {
    const struct deferred *what = timeline->deferred;
    CUdevice device = timeline->context->device;
    uint64_t position = 0;
    if (what->kind == DEFERRED_CALL)
        position = timeline_position(timeline);
    if (what->kind == DEFERRED_WAIT) {
        if (atomic_load(&what->record->pending))
            return false;
        if (what->record->instant.device == device)
            return true;
        device = what->record->instant.device;
        position = what->record->instant.position;
    }
    uint64_t expected;
    bool is_done = queue_expect(device, position, &expected) != CUDA_ERROR_NOT_READY;
    if (!is_done && expected < *until)
        *until = expected;
    return is_done;
}

static struct timeline *find_ready(uint64_t *until) {
    for (struct timeline *timeline = order.first; timeline != NULL; timeline = timeline->next)
        if (deferred_order_is_turn(&order, timeline) && is_ready(timeline, until))
            return timeline;
    return NULL;
}

static void run_first(struct timeline *timeline) {
    struct deferred *what = timeline->deferred;
    pthread_mutex_unlock(&lock);
    run(timeline, what);
    pthread_mutex_lock(&lock);
    deferred_order_pop(&order, timeline);
    if (what->record != NULL)
        record_release(what->record);
    free(what);
    if (timeline->deferred == NULL)
        free(timeline->freed);
    atomic_fetch_sub(&pending, 1);
    pthread_cond_broadcast(&changed);
}

static uint64_t in_a_while(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + LOOK_NS;
}

static void wait_until(uint64_t instant) {
    struct timespec until = {.tv_sec = (time_t)(instant / 1000000000u), .tv_nsec = (long)(instant % 1000000000u)};
    if (order.first == NULL)
        pthread_cond_wait(&changed, &lock);
    else
        pthread_cond_timedwait(&changed, &lock, &until);
}

static void *work(void *nothing) {
    (void)nothing;
    pthread_mutex_lock(&lock);
    for (;;) {
        uint64_t until = in_a_while();
        struct timeline *ready = find_ready(&until);
        if (ready != NULL)
            run_first(ready);
        else
            wait_until(until);
    }
    return NULL;
}

/* Starts the thread, which takes none of the program's signals. With the lock held. */
static bool start(void) {
    pthread_condattr_t attributes;
    pthread_t thread;
    sigset_t all, old;
    if (is_running)
        return true;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    is_running = pthread_create(&thread, NULL, work, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (is_running)
        pthread_detach(thread);
    return is_running;
}

/* With the lock held. */
static CUresult add(struct timeline *timeline, struct deferred what) {
    struct deferred *copy = malloc(sizeof(*copy));
    if (copy == NULL || !start()) {
        free(copy);
        return copy == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_OPERATING_SYSTEM;
    }
    *copy = what;
    if (copy->record != NULL)
        record_keep(copy->record);
    if (copy->kind == DEFERRED_RECORD || copy->kind == DEFERRED_NOTE)
        atomic_store(&copy->record->pending, true);
    deferred_order_push(&order, timeline, copy);
    atomic_fetch_add(&pending, 1);
    pthread_cond_broadcast(&changed);
    return CUDA_SUCCESS;
}

CUresult deferred_add(struct timeline *timeline, struct deferred what, bool must, bool *added) {
    *added = false;
    if (!must && deferred_is_nothing())
        return CUDA_SUCCESS;
    pthread_mutex_lock(&lock);
    CUresult result = CUDA_SUCCESS;
    while (!deferred_order_has_place(timeline, &what))
        pthread_cond_wait(&changed, &lock);
    if (must || deferred_order_holds(&order, timeline)) {
        result = add(timeline, what);
        *added = true;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

bool deferred_has(const struct timeline *timeline) {
    if (deferred_is_nothing())
        return false;
    pthread_mutex_lock(&lock);
    bool has = deferred_order_contains(&order, timeline, UINT64_MAX);
    pthread_mutex_unlock(&lock);
    return has;
}

void deferred_wait(const struct timeline *timeline) {
    if (deferred_is_nothing())
        return;
    pthread_mutex_lock(&lock);
    for (uint64_t last = order.last_number; deferred_order_contains(&order, timeline, last);)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void deferred_wait_for_context(CUcontext context) {
    if (deferred_is_nothing())
        return;
    pthread_mutex_lock(&lock);
    for (uint64_t last = order.last_number; deferred_order_has(&order, context, last);)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void deferred_wait_for_record(const struct record *record) {
    if (!atomic_load(&record->pending))
        return;
    pthread_mutex_lock(&lock);
    while (atomic_load(&record->pending))
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void deferred_free(struct timeline *timeline, void *memory) {
    pthread_mutex_lock(&lock);
    bool is_idle = timeline->deferred == NULL;
    if (!is_idle)
        timeline->freed = memory;
    pthread_mutex_unlock(&lock);
    if (is_idle)
        free(memory);
}
