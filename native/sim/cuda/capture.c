/* See capture.h. The rules are those of CUDA's programming guide and of cuThreadExchangeStreamCaptureMode. */
#include "sim/cuda/capture.h"

#include "sim/cuda/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct capture {
    unsigned references;
    CUgraph graph;
    CUstreamCaptureStatus status;
    CUstreamCaptureMode mode;
    CUstream origin;
    CUcontext context;
    pthread_t thread;
    bool is_blocking;
    unsigned long long id;
    struct capture *next; /* of those that go on */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct capture *ongoing;
static _Atomic unsigned ongoing_count;
static unsigned long long last_id;
static _Thread_local CUstreamCaptureMode mode_of_thread = CU_STREAM_CAPTURE_MODE_GLOBAL;

struct capture *capture_begin(CUstream origin, CUcontext context, CUstreamCaptureMode mode) {
    struct capture *capture = calloc(1, sizeof(*capture));
    if (capture == NULL || cuGraphCreate(&capture->graph, 0) != CUDA_SUCCESS) {
        free(capture);
        return NULL;
    }
    capture->references = 2; /* the caller's, and the list's */
    capture->status = CU_STREAM_CAPTURE_STATUS_ACTIVE;
    capture->mode = mode;
    capture->origin = origin;
    capture->context = context;
    capture->thread = pthread_self();
    pthread_mutex_lock(&lock);
    capture->id = ++last_id;
    capture->next = ongoing;
    ongoing = capture;
    atomic_fetch_add(&ongoing_count, 1);
    pthread_mutex_unlock(&lock);
    return capture;
}

struct capture *capture_keep(struct capture *capture) {
    pthread_mutex_lock(&lock);
    capture->references++;
    pthread_mutex_unlock(&lock);
    return capture;
}

void capture_release(struct capture *capture) {
    if (capture == NULL)
        return;
    pthread_mutex_lock(&lock);
    bool is_last = --capture->references == 0;
    pthread_mutex_unlock(&lock);
    if (is_last)
        free(capture);
}

CUgraph capture_graph(const struct capture *capture) {
    pthread_mutex_lock(&lock);
    CUgraph graph = capture->status == CU_STREAM_CAPTURE_STATUS_ACTIVE ? capture->graph : NULL;
    pthread_mutex_unlock(&lock);
    return graph;
}

CUstreamCaptureStatus capture_status(const struct capture *capture) {
    pthread_mutex_lock(&lock);
    CUstreamCaptureStatus status = capture->status;
    pthread_mutex_unlock(&lock);
    return status;
}

unsigned long long capture_id(const struct capture *capture) {
    return capture->id;
}

/* With the lock held. */
static void remove_from_list(struct capture *capture) {
    struct capture **at = &ongoing;
    while (*at != capture)
        at = &(*at)->next;
    *at = capture->next;
    capture->references--;
    atomic_fetch_sub(&ongoing_count, 1);
}

/* With the lock held. Only the first stream ends a capture, and only its thread, unless the capture is relaxed. */
static CUresult end(struct capture *capture, CUstream stream, CUgraph *graph) {
    *graph = NULL;
    if (capture->status == CU_STREAM_CAPTURE_STATUS_NONE)
        return CUDA_ERROR_ILLEGAL_STATE;
    if (stream != capture->origin)
        return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && !pthread_equal(capture->thread, pthread_self()))
        return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    bool is_valid = capture->status == CU_STREAM_CAPTURE_STATUS_ACTIVE;
    capture->status = CU_STREAM_CAPTURE_STATUS_NONE;
    remove_from_list(capture);
    *graph = capture->graph;
    return is_valid ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
}

CUresult capture_end(struct capture *capture, CUstream stream, CUgraph *graph) {
    pthread_mutex_lock(&lock);
    CUresult result = end(capture, stream, graph);
    pthread_mutex_unlock(&lock);
    if (result == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED) {
        cuGraphDestroy(*graph);
        *graph = NULL;
    }
    return result;
}

/* With the lock held. */
static void invalidate(struct capture *capture) {
    if (capture->status == CU_STREAM_CAPTURE_STATUS_ACTIVE)
        capture->status = CU_STREAM_CAPTURE_STATUS_INVALIDATED;
}

void capture_invalidate(struct capture *capture) {
    pthread_mutex_lock(&lock);
    invalidate(capture);
    pthread_mutex_unlock(&lock);
}

void capture_add_blocking(struct capture *capture) {
    pthread_mutex_lock(&lock);
    capture->is_blocking = true;
    pthread_mutex_unlock(&lock);
}

static bool forbids_unsafe(const struct capture *capture) {
    if (mode_of_thread == CU_STREAM_CAPTURE_MODE_RELAXED || capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED)
        return false;
    bool is_own = pthread_equal(capture->thread, pthread_self()) != 0;
    return is_own ||
           (mode_of_thread == CU_STREAM_CAPTURE_MODE_GLOBAL && capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL);
}

CUresult capture_check_unsafe(void) {
    CUresult result = CUDA_SUCCESS;
    if (atomic_load(&ongoing_count) == 0)
        return result;
    pthread_mutex_lock(&lock);
    for (struct capture *capture = ongoing; capture != NULL; capture = capture->next)
        if (forbids_unsafe(capture)) {
            invalidate(capture);
            result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    pthread_mutex_unlock(&lock);
    return result;
}

CUresult capture_check_default_stream(CUcontext context) {
    CUresult result = CUDA_SUCCESS;
    if (atomic_load(&ongoing_count) == 0)
        return result;
    pthread_mutex_lock(&lock);
    for (struct capture *capture = ongoing; capture != NULL; capture = capture->next)
        if (capture->is_blocking && capture->context == context) {
            invalidate(capture);
            result = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
        }
    pthread_mutex_unlock(&lock);
    return result;
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
    if (mode == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUstreamCaptureMode previous = mode_of_thread;
    mode_of_thread = *mode;
    *mode = previous;
    return CUDA_SUCCESS;
}
