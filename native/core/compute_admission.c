/* Holds this process to its share of a GPU's time: what a launch goes through that is not simply admitted. */
#include "core/compute.h"

#include "core/clock.h"
#include "core/driver.h"
#include "core/futex.h"
#include "core/overhead.h"

/* Unfinished work of this process on the GPU: a turn ends no later than that after it should, and while the next
 * launches are made the GPU does not run dry. */
#define IN_FLIGHT_NS    4000000
#define IN_FLIGHT_MARKS 2

/* What launches may take before one asks again. */
#define ALLOWANCE_NS 1000000

/* After that a launch goes on without a turn. */
#define PATIENCE_NS UINT64_C(1000000000)

/* How often in a row the patience with work that does not end may be lost to count. */
#define MOST_STALLS 16

/* How often one looks that waits for the GPU, and for changes that nobody tells of. */
#define SHORTEST_WAIT_NS 50000
#define LONGEST_WAIT_NS  50000000

static uint64_t clamp(int64_t value, int64_t least, int64_t most) {
    return (uint64_t)(value < least ? least : value > most ? most : value);
}

static bool is_capturing(CUstream stream) {
    CUstreamCaptureStatus status;
    CUresult result = DRIVER(cuStreamIsCapturing)(stream, &status);
    return result == CUDA_SUCCESS ? status != CU_STREAM_CAPTURE_STATUS_NONE : result != CUDA_ERROR_NOT_FOUND;
}

static bool has_turn(const struct compute *compute, uint64_t now) {
    bool out_of_patience = compute->blocked_since != 0 && now - compute->blocked_since > PATIENCE_NS;
    return compute->state == TURN_OURS || compute->alone || out_of_patience;
}

static bool has_time(struct compute *compute, uint64_t now, const struct flight *flight) {
    return (compute->state == TURN_OURS && compute->entitled) ||
           compute_left(compute, now) > (int64_t)compute_expected(compute, now, flight) ||
           compute_may_borrow(compute, now);
}

/* Takes the turn at once where it can be had; else the thread gets it. */
static void want_turn(struct compute *compute, uint64_t now) {
    if (compute->state != TURN_FREE || compute->alone)
        return;
    compute_begin_wanting(compute, now);
    bool may_begin = compute_left(compute, now) >= compute_wanted(compute) || compute_may_borrow(compute, now);
    if (may_begin && turn_try(&compute->turn, compute->urgent))
        compute_begin_turn(compute, now);
    else
        compute->state = TURN_WANTED;
    if (compute_call_thread(compute))
        return;
    if (compute->state == TURN_OURS)
        turn_end(&compute->turn);
    compute->state = TURN_FREE;
    compute->alone = true;
}

static void wait_for_news(struct compute *compute, uint64_t ns) {
    uint32_t seen = atomic_load(&compute->news);
    compute->waiting++;
    lock_release(&compute->lock);
    futex_wait(&compute->news, seen, ns);
    lock_take(&compute->lock);
    compute->waiting--;
}

/* Whether what is measured now is this process's own: it has the GPU alone, and had it before. */
static bool is_undisturbed(const struct compute *compute) {
    return compute->state == TURN_OURS && compute->turn.opened && !compute->first;
}

/* Marks how far the stream has got, so that one need not guess when that is over. Others had the lock meanwhile. */
static bool mark_here(struct compute *compute, CUstream stream) {
    struct setting setting;
    struct lane *lane = lanes_find(&compute->lanes, stream);
    if (lane == NULL || lane_tail(lane) == 0 || !mark_take(&compute->lanes, lane, NULL, 0, &setting))
        return false;
    lock_release(&compute->lock);
    bool set = mark_end(&setting, stream);
    lock_take(&compute->lock);
    if (!set) {
        (void)mark_put_back(&setting);
        return false;
    }
    return mark_put(&compute->lanes, &setting, false,
                    &(struct surroundings){.undisturbed = is_undisturbed(compute), .before = WORK_SOME});
}

/* The turn is over, or not there yet. */
static void wait_for_turn(struct compute *compute, CUstream stream, uint64_t now) {
    if (compute->state == TURN_OURS) {
        compute->exhausted = true;
        compute_end_turn(compute);
        compute_call_thread(compute);
    }
    if (mark_here(compute, stream))
        return;
    /* The thread tells when the turn has come, which is not as soon as there is any time left. */
    int64_t wait = has_turn(compute, now) ? (int64_t)compute_wait(compute, now, 1) : LONGEST_WAIT_NS;
    wait_for_news(compute, clamp(wait, SHORTEST_WAIT_NS, LONGEST_WAIT_NS));
}

/* How much more would be launched while something of unknown cost runs, nobody could tell. */
static bool is_full(const struct lane *lane, const struct flight *flight) {
    return lane != NULL && (lane->count == LANE_MARKS || flight->unknown ||
                            (flight->marks >= IN_FLIGHT_MARKS && flight->ns >= IN_FLIGHT_NS));
}

/* Work that does not even begin may be waiting for what the program does after more launches: it may make one, and if
 * that does not help twice as many. Work that runs on and on will hardly be: the next launch waits twice as long. */
static void lose_patience(struct compute *compute, uint64_t now) {
    compute->progressed = now;
    compute->indulgence = marks_run(&compute->lanes) ? 1 : 1u << compute->stalls;
    compute->stalls += compute->stalls < MOST_STALLS;
}

static bool is_indulged(struct compute *compute, uint64_t now, const struct flight *flight) {
    if (compute->indulgence == 0 && compute_is_stalled(compute, now, flight))
        lose_patience(compute, now);
    if (compute->indulgence == 0)
        return false;
    compute->indulgence--;
    return true;
}

/* True where the stream has room for another launch, or does not get on without it. */
static bool has_room(struct compute *compute, const struct lane *lane, uint64_t now, const struct flight *flight) {
    if (!is_full(lane, flight) || is_indulged(compute, now, flight))
        return true;
    wait_for_news(compute,
                  clamp(compute_until(compute, now, flight->ns / flight->marks), SHORTEST_WAIT_NS, LONGEST_WAIT_NS));
    return false;
}

/* Waits until a launch may be made, and says what is in flight then. Returns its lane, NULL if there is none, if the
 * GPU's time is no longer limited, or at the process's end. */
static struct lane *wait_for_admission(struct compute *compute, CUstream stream, struct flight *flight) {
    while (!compute_has_ended()) {
        uint64_t now = clock_ns();
        compute_collect(compute, now);
        compute_refresh(compute);
        if (!compute_is_limited(compute))
            return NULL;
        want_turn(compute, now);
        *flight = lanes_in_flight(&compute->lanes, &compute->costs);
        if (!has_turn(compute, now) || !has_time(compute, now, flight)) {
            wait_for_turn(compute, stream, now);
            continue;
        }
        struct lane *lane = lanes_get(&compute->lanes, stream); /* anew: while it waited, others may have taken it */
        if (has_room(compute, lane, now, flight))
            return lane;
    }
    return NULL;
}

/* Where no mark is in flight but unmarked launches may be, the GPU may have worked since the last mark and may not. */
static enum work work_of(const struct flight *flight) {
    if (flight->marks > 0)
        return WORK_SOME;
    return flight->ns > 0 ? WORK_MAYBE : WORK_NONE;
}

/* The launch is marked, if a mark is left. */
static bool take_mark(struct compute *compute, struct pass *pass, struct lane *lane, const struct task *task,
                      const struct flight *flight) {
    struct surroundings *around = &pass->around;
    uint64_t of_others = 0, cost = 0;
    (void)costs_expect(&compute->costs, task, &cost);
    around->before = work_of(flight);
    around->others = flight->lanes - lane_is_in_flight(lane);
    pass->in_flight = flight->ns + cost;
    if (around->before == WORK_NONE)
        marks_begin(&compute->lanes);
    if (around->before == WORK_MAYBE)
        of_others = lanes_count_tails(&compute->lanes, lane);
    around->begun = clock_ns();
    if (around->before != WORK_SOME)
        compute->progressed = around->begun;
    if (mark_take(&compute->lanes, lane, task, of_others, &pass->setting))
        return true;
    lane_add(lane, &compute->costs, task);
    return false;
}

static bool admit(struct compute *compute, struct pass *pass, const struct task *task) {
    lock_take(&compute->lock);
    struct flight flight = {0};
    struct lane *lane = wait_for_admission(compute, pass->stream, &flight);
    bool marked = lane != NULL && take_mark(compute, pass, lane, task, &flight);
    lock_release(&compute->lock);
    return marked;
}

/* The driver may have it wait for a place in the stream, and nobody else with it. */
static bool begin_mark(struct compute *compute, struct pass *pass, const struct task *task) {
    bool begun = mark_begin(&pass->setting, pass->stream);
    pass->around.noted = clock_ns();
    if (begun)
        return true;
    lock_take(&compute->lock);
    if (mark_put_back(&pass->setting))
        lane_add(pass->setting.lane, &compute->costs, task);
    lock_release(&compute->lock);
    return false;
}

/* What is captured does not run, and its stream takes no events of ours. */
static void forget_captured(struct compute *compute, CUstream stream) {
    lock_take(&compute->lock);
    lanes_forget_tail(&compute->lanes, stream);
    lock_release(&compute->lock);
}

/* Events are looked at while other streams may be captured, which only this mode allows. */
COLD struct pass compute_ask(const void *what, uint64_t threads, CUstream stream) {
    uint64_t cost;
    struct pass pass = {.stream = stream};
    struct task task = costs_task(what, threads);
    struct compute *compute = compute_of(gpu_of_stream(stream));
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    if (compute == NULL)
        return pass;
    DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
    if (is_capturing(stream))
        forget_captured(compute, stream);
    else
        pass.compute = admit(compute, &pass, &task) && begin_mark(compute, &pass, &task) ? compute : NULL;
    DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
    pass.first = !costs_expect(&compute->costs, &task, &cost);
    pass.around.making = clock_ns();
    return pass;
}

/* Streams share what is admitted between two marks, so that with many of them no more is under way unmarked. */
static uint64_t allowance(struct compute *compute, uint64_t now, const struct pass *pass) {
    if (!has_turn(compute, now))
        return 0;
    int64_t left = compute_left(compute, now) - (int64_t)pass->in_flight;
    int64_t least = compute_may_borrow(compute, now) ? ALLOWANCE_NS / 2 : 0;
    return clamp(left / 2, least, ALLOWANCE_NS) / (pass->around.others + 2);
}

static void end_mark(struct pass *pass, bool launched) {
    struct compute *compute = pass->compute;
    const struct setting *setting = &pass->setting;
    struct surroundings *around = &pass->around;
    around->made = clock_ns();
    bool ended = mark_end(setting, pass->stream);
    around->set = clock_ns();
    lock_take(&compute->lock);
    around->undisturbed = is_undisturbed(compute) && around->before != WORK_MAYBE;
    around->after_another = compute->first;
    bool put = ended ? mark_put(&compute->lanes, setting, launched, around) : mark_put_back(setting);
    compute->first = compute->entitled = false;
    if (put)
        atomic_store_explicit(&setting->lane->allowance, allowance(compute, around->set, pass), memory_order_relaxed);
    lock_release(&compute->lock);
}

COLD CUresult compute_launched(struct pass pass, CUresult result) {
    if (pass.compute != NULL)
        end_mark(&pass, result == CUDA_SUCCESS);
    if (pass.first)
        overhead_is_stale(gpu_of_stream(pass.stream));
    return result;
}
