/*
 * Holds this process to its share of a GPU's time.
 *
 * A process launches while it has its turn on the GPU (turn.h) and its share has time left (budget.h). What it used is
 * measured (lanes.h, meter.h), in the turn that it has alone, and charged to the share. A launch is normally admitted
 * by a few loads and stores; it asks here when so much is under way that it must be marked, when the turn is over, and
 * when nobody knows what it costs. A thread of ours, which exists once a limited GPU was used, gives turns back.
 *
 * Nobody waits for ever: neither for a turn whose owner does not give it back, nor for work that does not end because
 * the program has yet to do something for it. Whoever's patience ends launches all the same and pays for it.
 */
#ifndef HAMI_CORE_COMPUTE_H
#define HAMI_CORE_COMPUTE_H

#include "core/devices.h"
#include "core/marks.h"
#include "core/meter.h"
#include "core/turn.h"

enum turn_state {
    TURN_FREE,   /* it is not ours, and we do not want it */
    TURN_WANTED, /* the thread gets it */
    TURN_OURS,   /* launches are admitted */
    TURN_ENDING, /* it is given back as soon as what was launched is over */
};

/* What one share grants. */
struct grant {
    struct share *share;
    struct hami_compute *account;
    const uint64_t *generation; /* another number when the plugin has changed the share */
    unsigned cores;
};

struct compute {
    atomic_bool limited;
    _Atomic uint64_t seen; /* sum of the numbers that change when the plugin has changed a share */
    struct lanes lanes;
    struct costs costs;

    unsigned grant_count; /* as long as the process lives; so are their generations and accounts */
    struct grant *grants;

    struct lock lock; /* of all below, and of the rest of the grants */
    unsigned cores;   /* of all grants, below 100 if limited */
    bool work_conserving, urgent;

    struct turn turn;
    enum turn_state state;
    bool exhausted;      /* the last turn ended because no time was left */
    bool entitled;       /* nothing was launched in this turn: one launch is admitted, whatever is left */
    bool first;          /* nothing was marked in this turn: the one before may not be quite over */
    unsigned stalls;     /* how often in a row a launch had to go on without work before it having ended */
    unsigned indulgence; /* launches that need not wait for that */
    bool alone;          /* no thread could be had, so turns are not taken */
    bool has_thread;
    bool wanted;            /* whether others waited for the turn, at that time */
    uint64_t wanted_at;     /* ns */
    uint64_t used;          /* ns, in this turn */
    uint64_t blocked_since; /* ns: when the thread began to wait for others; 0 while it does not */
    uint64_t progressed;    /* ns: when something was last known to begin or end on the GPU */
    struct meter meter;
    unsigned waiting;             /* launches that wait for news */
    _Atomic uint32_t calls, news; /* futexes: of the thread, and of those who wait */
};

/* A launch that asked. */
struct pass {
    struct compute *compute; /* NULL: it need not be told how the launch went */
    CUstream stream;
    bool first;         /* nothing of its kind was launched before: the driver may load code for it */
    uint64_t in_flight; /* ns of work, with this launch */
    struct setting setting;
    struct surroundings around;
};

/* The limiter of a GPU; NULL if its time is not limited. */
COLD struct compute *compute_of(struct gpu *gpu);

/* For a launch that is not simply admitted: before it is made, which may wait, and after that. `result` is returned. */
COLD struct pass compute_ask(const void *what, uint64_t threads, CUstream stream);
COLD CUresult compute_launched(struct pass pass, CUresult result);

static inline bool compute_is_limited(const struct compute *compute) {
    return atomic_load_explicit(&compute->limited, memory_order_relaxed);
}

static inline bool compute_is_outdated(const struct compute *compute) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < compute->grant_count; i++)
        sum += __atomic_load_n(compute->grants[i].generation, __ATOMIC_ACQUIRE);
    return sum != atomic_load_explicit(&compute->seen, memory_order_relaxed);
}

/* Whether a launch of `what`, a function or a graph, may be made at once. Work is done where its stream is, which need
 * not be where the current context is. */
__attribute__((always_inline)) static inline bool compute_admits(const void *what, uint64_t threads, CUstream stream) {
    struct gpu *gpu = gpu_of_stream(stream);
    if (gpu == NULL)
        return true;
    struct compute *compute = atomic_load_explicit(&gpu->compute, memory_order_acquire);
    if (compute == NULL)
        return false;
    if (!compute_is_limited(compute))
        return !compute_is_outdated(compute);
    return lanes_admit(&compute->lanes, &compute->costs, stream, costs_name(what, threads));
}

static inline struct pass compute_admit(const void *what, uint64_t threads, CUstream stream) {
    return compute_admits(what, threads, stream) ? (struct pass){0} : compute_ask(what, threads, stream);
}

/* Ends a function that launches. The driver's `call` stands in it twice, so that a launch which may be made at once
 * has nothing to keep for after it. */
#define LAUNCH(what, threads, stream, call)                                                                            \
    do {                                                                                                               \
        if (compute_admits(what, threads, stream))                                                                     \
            return call;                                                                                               \
        struct pass pass = compute_ask(what, threads, stream);                                                         \
        return compute_launched(pass, call);                                                                           \
    } while (0)

/* Contexts are about to end. */
void compute_drop_contexts(void);

/* Sees to it that the driver is let alone once the process exits: it is being torn down then, and crashes in calls that
 * come too late. To be called when the driver is initialized, so that what it has to do then comes after this. */
void compute_end_with_process(void);

/* Whether that has come to pass. With the lock held it does not, and none of our threads is in a call of the driver. */
bool compute_has_ended(void);

/* In a forked child: nothing runs, nobody waits, and there is no thread. */
void compute_forget(struct gpu *gpu);

/* For the thread, compute_thread.c. The lock is held. */

/* Counts what is over. */
void compute_collect(struct compute *compute, uint64_t now);

/* Reads limits that the plugin has changed. */
void compute_refresh(struct compute *compute);

/* GPU time that is left, and how long until more is. */
int64_t compute_left(const struct compute *compute, uint64_t now);
uint64_t compute_wait(const struct compute *compute, uint64_t now, int64_t wanted);

/* How long until the GPU should have done so many ns of what was launched, since it last got on. Where it takes longer
 * than that, one looks ever more seldom. */
int64_t compute_until(const struct compute *compute, uint64_t now, uint64_t ns);

/* Whether what is in flight does not get on: it should have been over for a while, and has not begun or runs on and on.
 * It may be waiting for what the program does after more launches. */
bool compute_is_stalled(const struct compute *compute, uint64_t now, const struct flight *flight);

/* ns of what is in flight, unless it does not get on: nobody knows when it will. */
uint64_t compute_expected(const struct compute *compute, uint64_t now, const struct flight *flight);

/* How much is wanted before a turn begins. */
int64_t compute_wanted(const struct compute *compute);

/* Whether nobody else would get what this process uses. */
bool compute_may_borrow(struct compute *compute, uint64_t now);

/* Whoever wanted nothing has not saved much. */
void compute_begin_wanting(struct compute *compute, uint64_t now);

/* Charges what was used. */
void compute_charge(struct compute *compute, uint64_t now, uint64_t used);

void compute_begin_turn(struct compute *compute, uint64_t now);
void compute_end_turn(struct compute *compute);

/* Tells those who wait. */
void compute_tell(struct compute *compute);

/* Sees to it that a thread looks after the turn. False if there can be none. */
bool compute_call_thread(struct compute *compute);

#endif
