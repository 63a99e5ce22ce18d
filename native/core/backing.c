/*
 * Memory that the driver keeps for many allocations at once, beyond their ends: a pool's, or that of a GPU's graphs.
 *
 * What the driver has reserved is only known by asking, and the lock is not held meanwhile. So a backing has a version,
 * which every change of its figures raises: an answer holds only if it was asked for after the last change, and each
 * thread asks after its own call of the driver.
 */
#include "core/backing.h"

#include "core/driver.h"
#include "core/lock.h"
#include "core/numbers.h"

#include <stdlib.h>

struct backing {
    const struct backing_kind *kind; /* NULL: it has ended */
    uint64_t name;
    struct gpu *gpu;
    uint64_t held;     /* bytes taken of the GPU's shares */
    uint64_t ahead;    /* bytes of them that are taken for calls under way */
    uint64_t reserved; /* bytes, when the driver was asked last */
    uint64_t room;     /* bytes of these that are free and promised to no call; more may be free by now */
    uint64_t version;
    unsigned askers; /* threads that have the driver look at it: it must not end under them */
    bool retired;
    struct backing *next;
};

/* What a thread knew of a backing when it began to ask the driver about it. */
struct asking {
    const struct backing_kind *kind;
    uint64_t version;
    bool retired;
};

/* One lock for all: there are few, and the driver's own work takes far longer. The list only grows. */
static struct lock lock;
static _Atomic(struct backing *) backings;

static struct backing *find(const struct backing_kind *kind, uint64_t name, bool retired) {
    struct backing *backing = backings;
    while (backing != NULL && (backing->kind != kind || backing->name != name || backing->retired != retired))
        backing = backing->next;
    return backing;
}

struct backing *backing_find(const struct backing_kind *kind, uint64_t name) {
    lock_take(&lock);
    struct backing *backing = find(kind, name, false);
    lock_release(&lock);
    return backing;
}

bool backing_is_retired(const struct backing_kind *kind, uint64_t name) {
    lock_take(&lock);
    bool retired = find(kind, name, true) != NULL;
    lock_release(&lock);
    return retired;
}

static struct backing *unused_entry(void) {
    struct backing *backing = backings;
    while (backing != NULL && backing->kind != NULL)
        backing = backing->next;
    if (backing == NULL && (backing = calloc(1, sizeof *backing)) != NULL) {
        backing->next = backings;
        backings = backing;
    }
    return backing;
}

/* False if it has ended. */
static bool start_asking(struct backing *backing, struct asking *asking) {
    lock_take(&lock);
    *asking = (struct asking){backing->kind, backing->version, backing->retired};
    backing->askers += asking->kind != NULL;
    lock_release(&lock);
    return asking->kind != NULL;
}

/* Ends the backing if it is retired and `unused`, unless another thread is still asking. */
static void stop_asking(struct backing *backing, const struct asking *asking, bool unused) {
    lock_take(&lock);
    bool ends = --backing->askers == 0 && backing->retired && unused;
    struct backing ended = *backing;
    if (ends) {
        backing->retired = false;
        backing->held = 0;
        backing->room = 0;
        backing->kind = NULL;
        backing->version++;
    }
    lock_release(&lock);
    if (!ends)
        return;
    asking->kind->end(ended.name);
    gpu_give_back(ended.gpu, ended.held);
}

/* Gives back what is held and not reserved, `taken` among it, but for what others have taken for their calls. False if
 * the backing has changed since it was asked about. Writes how much more is reserved than held. */
static bool adjust(struct backing *backing, uint64_t version, uint64_t reserved, uint64_t taken, uint64_t *missing) {
    lock_take(&lock);
    bool current = backing->version == version;
    uint64_t surplus = 0;
    if (current) {
        backing->ahead -= taken;
        surplus = less_or_0(backing->held, reserved + backing->ahead);
        backing->held -= surplus;
        backing->version++;
        if (reserved < backing->reserved)
            backing->room = 0; /* what was free is what the driver gave up */
        backing->reserved = reserved;
        *missing = less_or_0(reserved, backing->held);
    }
    struct gpu *gpu = backing->gpu;
    lock_release(&lock);
    gpu_give_back(gpu, surplus);
    return current;
}

static void hold(struct backing *backing, uint64_t bytes) {
    lock_take(&lock);
    backing->held += bytes;
    backing->version++;
    lock_release(&lock);
}

/* Whether a call can have bytes of what is known to be free: then the driver need not be asked what is. */
static bool promise(struct backing *backing, uint64_t bytes) {
    lock_take(&lock);
    bool promised = bytes <= backing->room;
    if (promised)
        backing->room -= bytes;
    lock_release(&lock);
    return promised;
}

/* Holds bytes for a call under way, which leaves `room`. False if the backing has changed since it was asked about. */
static bool hold_ahead(struct backing *backing, uint64_t version, uint64_t bytes, uint64_t room) {
    lock_take(&lock);
    bool current = backing->version == version;
    if (current) {
        backing->held += bytes;
        backing->ahead += bytes;
        backing->room = room;
        backing->version++;
    }
    lock_release(&lock);
    return current;
}

/* The call is over, and what was taken for it is held like the rest. */
static void end_ahead(struct backing *backing, uint64_t bytes) {
    lock_take(&lock);
    backing->ahead -= bytes;
    lock_release(&lock);
}

uint64_t backing_held(const struct backing *backing) {
    lock_take(&lock);
    uint64_t held = backing->held;
    lock_release(&lock);
    return held;
}

uint64_t backings_managed(const struct gpu *gpu) {
    uint64_t held = 0;
    lock_take(&lock);
    for (const struct backing *backing = backings; backing != NULL; backing = backing->next)
        if (backing->kind != NULL && backing->kind->managed && backing->gpu == gpu)
            held += backing->held;
    lock_release(&lock);
    return held;
}

static bool is_trimmed(const struct backing *backing) {
    lock_take(&lock);
    bool trimmed = backing->kind != NULL && backing->kind->trim != NULL;
    lock_release(&lock);
    return trimmed;
}

/* What is held of this GPU's shares. */
static uint64_t held_of(const struct backing *backing, const struct gpu *gpu) {
    lock_take(&lock);
    uint64_t held = backing->kind != NULL && backing->gpu == gpu ? backing->held : 0;
    lock_release(&lock);
    return held;
}

/* Makes what is held what is reserved. Returns how much is missing for that. */
static uint64_t settle(struct backing *backing, uint64_t taken) {
    uint64_t missing = 0;
    struct asking asking;
    for (bool settled = false; !settled && start_asking(backing, &asking);) {
        uint64_t reserved, used = 1;
        bool known = asking.kind->reserved(backing->name, &reserved);
        if (!known)
            end_ahead(backing, taken);
        else if (asking.retired && !asking.kind->used(backing->name, &used))
            used = 1;
        settled = !known || adjust(backing, asking.version, reserved, taken, &missing);
        stop_asking(backing, &asking, used == 0);
    }
    return missing;
}

/* Bytes that are reserved and not used, as far as the driver says. */
static uint64_t ask_for_free(const struct backing_kind *kind, uint64_t name) {
    uint64_t used, reserved;
    return kind->used(name, &used) && kind->reserved(name, &reserved) ? less_or_0(reserved, used) : 0;
}

/* To make room other backings are trimmed, and this one too: then it is asked anew. */
bool backing_begin(struct backing *backing, uint64_t bytes, uint64_t *taken) {
    *taken = 0;
    if (promise(backing, whole_granules(bytes)))
        return true;
    for (struct asking asking; start_asking(backing, &asking);) {
        uint64_t free = ask_for_free(asking.kind, backing->name);
        stop_asking(backing, &asking, false);
        *taken = less_or_0(bytes, free);
        if (!gpu_reserve(backing->gpu, *taken))
            return false;
        if (hold_ahead(backing, asking.version, *taken, less_or_0(free, whole_granules(bytes))))
            return true;
        gpu_give_back(backing->gpu, *taken);
    }
    return false;
}

bool backing_end(struct backing *backing, uint64_t taken) {
    uint64_t missing;
    while ((missing = settle(backing, taken)) != 0) {
        taken = 0;
        if (!gpu_reserve(backing->gpu, missing))
            return false;
        hold(backing, missing);
    }
    return true;
}

/* What frees memory is forbidden to a thread while any captures a stream, unless it says that it means none of that. */
static void trim(const struct asking *asking, uint64_t name) {
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
    asking->kind->trim(name);
    DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
}

void backing_trim(struct backing *backing) {
    struct asking asking;
    if (!start_asking(backing, &asking))
        return;
    trim(&asking, backing->name);
    stop_asking(backing, &asking, false);
    (void)settle(backing, 0);
}

void backing_settle(struct backing *backing) {
    (void)settle(backing, 0);
}

bool backings_reclaim(struct gpu *gpu) {
    bool reclaimed = false;
    for (struct backing *backing = backings; backing != NULL; backing = backing->next) {
        uint64_t held = held_of(backing, gpu);
        if (held == 0)
            continue;
        if (is_trimmed(backing))
            backing_trim(backing);
        else
            backing_settle(backing);
        reclaimed |= held_of(backing, gpu) < held;
    }
    return reclaimed;
}

struct backing *backing_of(const struct backing_kind *kind, uint64_t name, struct gpu *gpu) {
    lock_take(&lock);
    struct backing *backing = find(kind, name, false);
    if (backing == NULL && (backing = unused_entry()) != NULL) {
        backing->kind = kind;
        backing->name = name;
        backing->gpu = gpu;
    }
    lock_release(&lock);
    return backing;
}

void backings_settle(void) {
    for (struct backing *backing = backings; backing != NULL; backing = backing->next)
        if (is_trimmed(backing))
            backing_settle(backing);
}

void backing_retire(struct backing *backing) {
    lock_take(&lock);
    backing->retired = true;
    lock_release(&lock);
    backing_settle(backing);
}

void backings_forget(void) {
    /* Another of the parent's threads may have been in the middle of a change: nothing in here can be relied on. */
    backings = NULL;
    lock_release(&lock);
}
