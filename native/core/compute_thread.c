/*
 * The thread that looks after a process's turns on one GPU.
 *
 * It gets a turn where that takes waiting, and gives it back when the share's time is used up, when others wait and it
 * has lasted long enough, or when nothing is launched any more. There is one only where a GPU's time is limited and was
 * used, and it sleeps while nobody wants the GPU.
 */
#include "core/compute.h"

#include "core/budget.h"
#include "core/clock.h"
#include "core/driver.h"
#include "core/futex.h"
#include "core/numbers.h"
#include "core/real_dl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* How long a turn is kept that is not used and that nobody wants. */
#define IDLE_NS 2000000

/* A turn is given back so long before its last work should be over: about the time that the next one takes to begin. */
#define AHEAD_NS 300000

#define SHORTEST_NAP_NS 50000
#define LONGEST_NAP_NS  1000000
#define LONGEST_WAIT_NS 20000000

/* Of address space. The thread-local memory of all libraries of the program comes out of it: where that is too much, it
 * is as large as the program's own. */
#define STACK_SIZE (1 << 20)

static void nap(struct compute *compute, int64_t ns, int64_t longest) {
    uint32_t seen = atomic_load(&compute->calls);
    lock_release(&compute->lock);
    futex_wait(&compute->calls, seen, (uint64_t)(ns < SHORTEST_NAP_NS ? SHORTEST_NAP_NS : ns > longest ? longest : ns));
    lock_take(&compute->lock);
}

static void get_turn(struct compute *compute) {
    uint64_t now = clock_ns();
    compute_collect(compute, now);
    compute_refresh(compute);
    /* What was under way when the last turn was given back is not charged before it is over. */
    struct flight flight = lanes_in_flight(&compute->lanes, &compute->costs);
    int64_t in_flight = (int64_t)compute_expected(compute, now, &flight);
    uint64_t wait = compute_wait(compute, now, compute_wanted(compute) + in_flight);
    if (compute->waiting == 0 && compute->blocked_since == 0) {
        compute->state = TURN_FREE;
    } else if (wait == 0) {
        compute->blocked_since = now;
        lock_release(&compute->lock);
        turn_wait(&compute->turn, compute->urgent);
        lock_take(&compute->lock);
        compute->blocked_since = 0;
        compute_begin_turn(compute, clock_ns());
        compute_tell(compute);
    } else if (compute_may_borrow(compute, now) && turn_try(&compute->turn, compute->urgent)) {
        compute_begin_turn(compute, now);
        compute_tell(compute);
    } else {
        nap(compute, (int64_t)wait, compute->work_conserving ? LONGEST_NAP_NS : LONGEST_WAIT_NS);
    }
}

static void give_back(struct compute *compute, uint64_t now) {
    lanes_close(&compute->lanes);
    compute_charge(compute, now, lanes_count_tails(&compute->lanes, NULL));
    marks_disturb(&compute->lanes);
    turn_end(&compute->turn);
    compute->state = compute->waiting > 0 ? TURN_WANTED : TURN_FREE;
}

/* Time that the share should not have, or that others should have first. */
static bool is_over(struct compute *compute, uint64_t now, uint64_t in_flight) {
    if (turn_is_wanted_urgently(&compute->turn, compute->urgent))
        return true;
    if (compute->used + in_flight >= budget_turn(compute->cores) && turn_is_wanted(&compute->turn))
        return true;
    compute->exhausted = compute_left(compute, now) <= (int64_t)in_flight && !compute_may_borrow(compute, now);
    return compute->exhausted && !compute->entitled;
}

static void keep_turn(struct compute *compute, uint64_t *activity, uint64_t *idle_since) {
    uint64_t now = clock_ns();
    compute_collect(compute, now);
    compute_refresh(compute);
    struct flight flight = lanes_in_flight(&compute->lanes, &compute->costs);
    uint64_t in_flight = flight.ns;
    uint64_t seen = lanes_activity(&compute->lanes);
    if (flight.marks > 0 || seen != *activity || compute->waiting > 0)
        *idle_since = now;
    *activity = seen;
    uint64_t idle = now - *idle_since;
    if (idle > in_flight + IDLE_NS || (idle > in_flight + SHORTEST_NAP_NS && turn_is_wanted(&compute->turn)))
        give_back(compute, now);
    else if (is_over(compute, now, compute_expected(compute, now, &flight)))
        compute_end_turn(compute);
    else
        nap(compute, compute_until(compute, now, in_flight), LONGEST_NAP_NS);
}

static void end_turn(struct compute *compute) {
    uint64_t now = clock_ns();
    compute_collect(compute, now);
    struct flight flight = lanes_in_flight(&compute->lanes, &compute->costs);
    uint64_t until = less_or_0(flight.ns, AHEAD_NS);
    int64_t remaining = (int64_t)until - (int64_t)(now - compute->progressed);
    bool ended = flight.marks == 0 || (remaining <= 0 && !flight.unknown);
    if (ended || compute_is_stalled(compute, now, &flight))
        give_back(compute, now);
    else
        nap(compute, remaining > 2 * LONGEST_NAP_NS ? remaining / 2 : compute_until(compute, now, until),
            LONGEST_WAIT_NS);
}

/* Until the process exits. */
static void look_after_turns(struct compute *compute) {
    uint64_t activity = 0, idle_since = clock_ns();
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    if (!compute_has_ended())
        DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
    while (!compute_has_ended())
        switch (compute->state) {
        case TURN_FREE:
            nap(compute, INT64_MAX, INT64_MAX);
            idle_since = clock_ns();
            break;
        case TURN_WANTED:
            get_turn(compute);
            idle_since = clock_ns();
            break;
        case TURN_OURS:
            keep_turn(compute, &activity, &idle_since);
            break;
        case TURN_ENDING:
            end_turn(compute);
            break;
        }
}

/* A program may take its time to exit. When its last work is over only the clock tells: the driver is asked no more. */
static void end_last_turn(struct compute *compute) {
    if (compute->state != TURN_OURS && compute->state != TURN_ENDING)
        return;
    uint64_t in_flight = lanes_in_flight(&compute->lanes, &compute->costs).ns;
    nap(compute, (int64_t)less_or_0(in_flight, clock_ns() - compute->progressed), INT64_MAX);
    turn_end(&compute->turn);
}

/* It never returns: the driver would clear up after a thread that has called it, at a time when it should not. */
static void *look_after(void *argument) {
    struct compute *compute = argument;
    prctl(PR_SET_NAME, "hami-turns");
    lock_take(&compute->lock);
    look_after_turns(compute);
    end_last_turn(compute);
    lock_release(&compute->lock);
    for (;;)
        pause();
    return NULL;
}

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef int attribute_fn(pthread_attr_t *);
typedef int stack_fn(pthread_attr_t *, size_t);
typedef int state_fn(pthread_attr_t *, int);

/* Older C libraries have these in libpthread, which a program with CUDA has loaded, and others need not. */
static bool create_thread(struct compute *compute) {
    create_fn *create = (create_fn *)real_dlsym()(RTLD_DEFAULT, "pthread_create");
    attribute_fn *init = (attribute_fn *)real_dlsym()(RTLD_DEFAULT, "pthread_attr_init");
    stack_fn *set_stack = (stack_fn *)real_dlsym()(RTLD_DEFAULT, "pthread_attr_setstacksize");
    state_fn *set_state = (state_fn *)real_dlsym()(RTLD_DEFAULT, "pthread_attr_setdetachstate");
    pthread_attr_t small, usual;
    pthread_t thread;
    if (create == NULL || init == NULL || set_stack == NULL || set_state == NULL || init(&small) != 0 ||
        init(&usual) != 0 || set_stack(&small, STACK_SIZE) != 0 || set_state(&small, PTHREAD_CREATE_DETACHED) != 0 ||
        set_state(&usual, PTHREAD_CREATE_DETACHED) != 0)
        return false;
    return create(&thread, &small, look_after, compute) == 0 || create(&thread, &usual, look_after, compute) == 0;
}

/* Signals are the program's: none is to be handled by a thread that it does not know of. */
static bool create_quiet_thread(struct compute *compute) {
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    bool created = create_thread(compute);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return created;
}

bool compute_call_thread(struct compute *compute) {
    if (compute->has_thread) {
        futex_tell(&compute->calls);
        return true;
    }
    compute_end_with_process();
    compute->has_thread = create_quiet_thread(compute);
    return compute->has_thread;
}
