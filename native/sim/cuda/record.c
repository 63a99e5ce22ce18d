/* See record.h. */
#include "sim/cuda/record.h"

#include "sim/cuda/deferred.h"

#include <stdlib.h>

struct record *record_renew(struct record *old, bool timed) {
    if (old != NULL && atomic_load(&old->references) == 1) {
        queue_forget(&old->instant);
        return old;
    }
    record_release(old);
    struct record *record = calloc(1, sizeof(*record));
    if (record == NULL)
        return NULL;
    record->timed = timed;
    atomic_store(&record->references, 1);
    return record;
}

void record_keep(struct record *record) {
    atomic_fetch_add(&record->references, 1);
}

void record_release(struct record *record) {
    if (record == NULL || atomic_fetch_sub(&record->references, 1) != 1)
        return;
    queue_forget(&record->instant);
    free(record);
}

CUresult record_query(const struct record *record) {
    if (atomic_load(&record->pending))
        return CUDA_ERROR_NOT_READY;
    return queue_query(record->instant.device, record->instant.position);
}

void record_wait(struct record *record, bool may_spin) {
    deferred_wait_for_record(record);
    queue_wait(record->instant.device, record->instant.position, may_spin);
}
