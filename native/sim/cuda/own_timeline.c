/* The threads' own default streams: one for each context that a thread uses. */
#include "sim/cuda/context.h"
#include "sim/cuda/deferred.h"
#include "sim/cuda/timeline.h"

#include <pthread.h>
#include <stdlib.h>

struct own {
    struct timeline timeline;
    unsigned long long context_id;
    struct own *next;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* to the first of the thread's */

static void free_all(void *first) {
    for (struct own *own = first, *next; own != NULL; own = next) {
        next = own->next;
        deferred_free(&own->timeline, own);
    }
}

static void make_key(void) {
    pthread_key_create(&key, free_all);
}

static struct own *find(struct own *first, CUcontext context) {
    while (first != NULL && (first->timeline.context != context || first->context_id != context->id))
        first = first->next;
    return first;
}

struct timeline *timeline_own(CUcontext context) {
    pthread_once(&once, make_key);
    struct own *own = find(pthread_getspecific(key), context);
    if (own != NULL)
        return &own->timeline;
    own = calloc(1, sizeof(*own));
    if (own == NULL)
        return NULL;
    own->timeline = (struct timeline){.context = context, .kind = TIMELINE_BLOCKING};
    own->context_id = context->id;
    own->next = pthread_getspecific(key);
    pthread_setspecific(key, own);
    return &own->timeline;
}
