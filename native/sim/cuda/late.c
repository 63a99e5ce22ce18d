/* See late.h. */
#include "sim/cuda/late.h"

#include "sim/cuda/record.h"

#include <pthread.h>
#include <stdlib.h>

struct late {
    struct record *record; /* the work that must be done before */
    void (*give)(void *what);
    void *what;
    struct late *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct late *all;

static void end(struct late *late) {
    record_release(late->record);
    free(late);
}

CUresult late_give(struct timeline *timeline, void (*give)(void *what), void *what) {
    struct late *late = malloc(sizeof(*late));
    if (late == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *late = (struct late){record_renew(NULL, false), give, what, NULL};
    CUresult result = late->record != NULL ? timeline_note(timeline, late->record) : CUDA_ERROR_OUT_OF_MEMORY;
    if (result != CUDA_SUCCESS) {
        end(late);
        return result;
    }
    pthread_mutex_lock(&lock);
    late->next = all;
    all = late;
    pthread_mutex_unlock(&lock);
    return CUDA_SUCCESS;
}

/* Takes out of the list whatever can be given by now. */
static struct late *take_ready(void) {
    struct late *ready = NULL;
    pthread_mutex_lock(&lock);
    for (struct late **link = &all; *link != NULL;) {
        struct late *late = *link;
        if (record_query(late->record) == CUDA_ERROR_NOT_READY) {
            link = &late->next;
            continue;
        }
        *link = late->next;
        late->next = ready;
        ready = late;
    }
    pthread_mutex_unlock(&lock);
    return ready;
}

void late_synchronize(void) {
    for (struct late *late = take_ready(); late != NULL;) {
        struct late *next = late->next;
        late->give(late->what);
        end(late);
        late = next;
    }
}
