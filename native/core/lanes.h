/*
 * What this process has launched on a GPU, stream by stream.
 *
 * A launch adds to its stream's lane what it should take. Every so often a pair of events marks how far the lane has
 * got: when the second one is over, all that was launched before it is, and the time between the two is what the one
 * launch between them took. Those launches alone cost more than a few loads and stores.
 */
#ifndef HAMI_CORE_LANES_H
#define HAMI_CORE_LANES_H

#include "core/costs.h"
#include "core/hooks.h"

#include <stdatomic.h>
#include <stdbool.h>

#define LANES         32   /* streams; with more of them at a time, those in use take turns */
#define LANE_MARKS    4    /* unfinished ones */
#define LANE_LAUNCHES 1024 /* at most, between two marks */

enum work { WORK_NONE, WORK_MAYBE, WORK_SOME };

struct surroundings {
    bool undisturbed;   /* nobody else had the GPU since the mark before */
    bool after_another; /* the process that had the GPU before may have used it between the two events */
    unsigned others;    /* other streams with work that was not known to be over */
    enum work before;   /* what the GPU had to do when the launch began to be made */
    uint64_t begun;     /* ns of the host's clock: before the first event, after it, … */
    uint64_t noted;
    uint64_t making; /* … before the launch, after it, … */
    uint64_t made;
    uint64_t set; /* … and after the second event */
};

struct mark {
    CUevent begin, end; /* NULL while a thread sets it */
    struct task task;   /* the launch between the two events; without a name: none is */
    uint64_t expected;  /* ns that those before it should take, since the last mark */
    uint64_t order;     /* in which marks were set */
    struct surroundings surroundings;
};

/* The first three are changed by launches of all threads without a lock. Where they collide, one launch may be lost to
 * the sum: marks make up for it. */
struct lane {
    _Alignas(64) _Atomic uint64_t expected; /* ns that the launches since the last mark should take */
    _Atomic uint64_t allowance;             /* ns up to which one may launch without asking */
    _Atomic unsigned launches;              /* since the last mark */
    _Atomic unsigned limit;                 /* of launches between two marks */
    uint64_t setting;                       /* the number of the mark that a thread sets just now; 0: none does */
    uint64_t counted;                       /* ns of `expected` that are accounted for */
    CUcontext context;                      /* of the events; never a green one */
    struct mark marks[LANE_MARKS];          /* a ring; the oldest of `count` is the first */
    unsigned first, count;
};

/* Names lie apart from what launches change, so that those of one thread do not take them from another's cache. */
struct lanes {
    _Atomic unsigned count;
    _Atomic uint64_t names[LANES];
    struct lane of[LANES];
    CUevent last; /* the end of the mark that was over last; NULL: none was */
    CUcontext last_context;
    bool rested;     /* the GPU had nothing to do since */
    uint64_t begun;  /* marks that threads ever began to set */
    uint64_t marked; /* marks that were ever set */
};

struct flight {
    uint64_t ns;    /* that it should take, as far as its cost is known */
    unsigned marks; /* that are not over */
    unsigned lanes; /* that may have some of it, accounted for or not */
    bool unknown;   /* whether something is among it of which nothing is known */
};

/* The per-thread default stream is another one in each thread. */
static inline uint64_t lane_name(CUstream stream) {
    return (uint64_t)(uintptr_t)stream ^
           (stream == CU_STREAM_PER_THREAD ? (uint64_t)(uintptr_t)__builtin_thread_pointer() : 0);
}

/* True if the launch is one of those that need not be asked for; it is added to its lane. */
__attribute__((always_inline)) static inline bool lanes_admit(struct lanes *lanes, struct costs *costs, CUstream stream,
                                                              uint64_t name) {
    uint64_t cost, wanted = lane_name(stream);
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_acquire);
    if (!costs_find(costs, name, &cost))
        return false;
    unsigned i = 0;
    while (i < count && atomic_load_explicit(&lanes->names[i], memory_order_relaxed) != wanted)
        i++;
    if (i == count)
        return false;
    struct lane *lane = &lanes->of[i];
    uint64_t expected = atomic_load_explicit(&lane->expected, memory_order_relaxed) + cost;
    unsigned launches = atomic_load_explicit(&lane->launches, memory_order_relaxed) + 1;
    if (launches > atomic_load_explicit(&lane->limit, memory_order_relaxed) ||
        expected > atomic_load_explicit(&lane->allowance, memory_order_relaxed))
        return false;
    atomic_store_explicit(&lane->expected, expected, memory_order_relaxed);
    atomic_store_explicit(&lane->launches, launches, memory_order_relaxed);
    return true;
}

/* All below is done by one thread at a time. */

/* The stream's lane; another's place is taken if need be. NULL if all are busy, or if the driver
 * makes no events. */
struct lane *lanes_get(struct lanes *lanes, CUstream stream);

/* The stream's lane if it has one. */
struct lane *lanes_find(struct lanes *lanes, CUstream stream);

/* For a launch that is not marked. */
void lane_add(struct lane *lane, const struct costs *costs, const struct task *task);

/* ns that launches since the last mark should take that are not accounted for. */
uint64_t lane_tail(const struct lane *lane);

/* Forgets these: a mark has taken them over, or they are not going to run. */
void lane_forget_tail(struct lane *lane);
void lanes_forget_tail(struct lanes *lanes, CUstream stream);

/* Accounts for those of all lanes but one. */
uint64_t lanes_count_tails(struct lanes *lanes, const struct lane *without);

/* Whether something of it may not be over, accounted for or not. */
bool lane_is_in_flight(const struct lane *lane);

/* What is launched and not known to be over. */
struct flight lanes_in_flight(const struct lanes *lanes, const struct costs *costs);

/* From now on every launch asks. */
void lanes_close(struct lanes *lanes);

/* A number that changes with every launch. */
uint64_t lanes_activity(const struct lanes *lanes);

/* Contexts are about to end, and their events with them. */
void lanes_drop(struct lanes *lanes);

#endif
