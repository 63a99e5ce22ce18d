/* How far the GPU is with what this process has launched on it, by events. */
#include "core/marks.h"

#include "core/current.h"
#include "core/events.h"
#include "core/numbers.h"

#define NS_PER_MS 1000000

/* What the last work of another process, and a slice of its time, can take. */
#define AFTERMATH_NS UINT64_C(5000000)

/* By how much a launch may take longer than expected before the next ones are marked one by one. */
#define SURPRISE_NS 10000

static struct mark *oldest(struct lane *lane) {
    return &lane->marks[lane->first];
}

static struct mark *next_mark(struct lane *lane) {
    return &lane->marks[(lane->first + lane->count) % LANE_MARKS];
}

bool mark_take(struct lanes *lanes, struct lane *lane, const struct task *task, uint64_t expected,
               struct setting *setting) {
    struct mark *mark = next_mark(lane);
    if (lane->count == LANE_MARKS || lane->setting != 0)
        return false;
    mark->task = task != NULL ? *task : (struct task){0};
    mark->expected = expected;
    lane->setting = ++lanes->begun;
    *setting = (struct setting){lane, lane->setting, lane->context, mark->begin, mark->end};
    mark->begin = mark->end = NULL;
    return true;
}

bool mark_begin(const struct setting *setting, CUstream stream) {
    return DRIVER(cuEventRecord)(setting->begin, stream) == CUDA_SUCCESS;
}

bool mark_end(const struct setting *setting, CUstream stream) {
    return DRIVER(cuEventRecord)(setting->end, stream) == CUDA_SUCCESS;
}

bool mark_put_back(const struct setting *setting) {
    struct lane *lane = setting->lane;
    if (lane->setting != setting->number) {
        event_destroy(setting->context, setting->begin);
        event_destroy(setting->context, setting->end);
        return false;
    }
    lane->setting = 0;
    next_mark(lane)->begin = setting->begin;
    next_mark(lane)->end = setting->end;
    return true;
}

/* What the lane was expected to do since its last mark is the mark's from here on. */
bool mark_put(struct lanes *lanes, const struct setting *setting, bool launched, const struct surroundings *around) {
    struct lane *lane = setting->lane;
    if (!mark_put_back(setting))
        return false;
    struct mark *mark = next_mark(lane);
    if (!launched)
        mark->task.name = 0;
    mark->expected += lane_tail(lane);
    mark->surroundings = *around;
    mark->order = lanes->marked++;
    lane->count++;
    lane_forget_tail(lane);
    return true;
}

static bool time_between(CUevent from, CUevent to, uint64_t *ns) {
    float ms;
    if (from == NULL || DRIVER(cuEventElapsedTime)(&ms, from, to) != CUDA_SUCCESS)
        return false;
    *ns = ms > 0 ? (uint64_t)((double)ms * NS_PER_MS) : 0;
    return true;
}

static void swap(CUevent *one, CUevent *other) {
    CUevent kept = *one;
    *one = *other;
    *other = kept;
}

static bool time_since_last(const struct lanes *lanes, const struct lane *lane, const struct mark *mark, uint64_t *ns) {
    return !lanes->rested && lanes->last_context == lane->context && time_between(lanes->last, mark->end, ns);
}

/* The time since the GPU, which had nothing to do, was given the first of what is in flight. */
static bool time_since_rest(const struct lanes *lanes, const struct lane *lane, const struct mark *mark, uint64_t *ns) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    uint64_t since;
    bool told = false;
    *ns = 0;
    for (const struct lane *each = lanes->of; each < lanes->of + count; each++)
        for (unsigned i = 0; i < each->count && each->context == lane->context; i++) {
            const struct mark *first = &each->marks[(each->first + i) % LANE_MARKS];
            if (first->surroundings.before != WORK_NONE || !time_between(first->begin, mark->end, &since))
                continue;
            *ns = since > *ns ? since : *ns;
            told = true;
        }
    return told;
}

static void become_last(struct lanes *lanes, const struct lane *lane, struct mark *mark) {
    if (lanes->last_context != lane->context) {
        event_destroy(lanes->last_context, lanes->last);
        lanes->last = NULL;
    }
    lanes->last_context = lane->context;
    if (lanes->last == NULL)
        lanes->last = event_create(lane->context);
    if (lanes->last != NULL)
        swap(&lanes->last, &mark->end);
    lanes->rested = false;
}

/* For how long the GPU may have worked when the mark was over: since the one that was over last, whichever lane it was
 * in, or since it was given work. This one is the last from now on. Where it was over before, that time is already
 * counted. */
static bool time_worked(struct lanes *lanes, const struct lane *lane, struct mark *mark, uint64_t *ns) {
    uint64_t since_rest;
    bool after_last = time_since_last(lanes, lane, mark, ns);
    bool over_before = after_last && *ns == 0;
    bool after_rest = time_since_rest(lanes, lane, mark, &since_rest);
    if (after_rest && (!after_last || since_rest < *ns))
        *ns = since_rest;
    if ((after_last || after_rest) && !over_before)
        become_last(lanes, lane, mark);
    return after_last || after_rest;
}

void marks_begin(struct lanes *lanes) {
    lanes->rested = true;
    for (struct lane *each = lanes->of; each < lanes->of + LANES; each++)
        atomic_store_explicit(&each->launches, 0, memory_order_relaxed);
}

/* What a launch took that an idle GPU waited for: it began while it was made. Where it was over before the second event
 * was set, one knows no more than that it took no longer than until then. */
static struct bounds bounds_on_idle(const struct mark *mark, uint64_t seen) {
    const struct surroundings *around = &mark->surroundings;
    uint64_t until_set = around->set - around->making;
    if (seen <= around->set - around->begun) {
        uint64_t most = seen < until_set ? seen : until_set;
        return (struct bounds){.least = 0, .guess = most / 2, .most = most};
    }
    uint64_t least = less_or_0(seen, around->made - around->begun);
    uint64_t most = less_or_0(seen, around->making - around->noted);
    return (struct bounds){.least = least, .guess = (least + most) / 2, .most = most};
}

/* What the launch between the mark's events took. Others may have had a part in what was seen: how large it is at least
 * is then a guess, of which half is believed. */
static struct bounds bounds(const struct mark *mark, uint64_t seen) {
    const struct surroundings *around = &mark->surroundings;
    struct bounds bounds = {.least = seen, .guess = seen, .most = seen};
    if (around->before != WORK_SOME)
        bounds = bounds_on_idle(mark, seen);
    if (around->before == WORK_MAYBE)
        bounds.most = seen;
    if (around->after_another || around->others > 0)
        bounds.least = less_or_0(bounds.least, around->after_another ? AFTERMATH_NS : 0) / (1 + around->others) / 2;
    return bounds;
}

/* As long as launches take what they are expected to, twice as many go unmarked as before; what was learnt wrong does
 * harm no longer than until the next mark. */
static void adapt(struct lane *lane, uint64_t known, uint64_t cost) {
    unsigned limit = 2 * atomic_load_explicit(&lane->limit, memory_order_relaxed) + 1;
    bool surprised = cost > 2 * known + SURPRISE_NS;
    limit = surprised ? 1 : limit < LANE_LAUNCHES ? limit : LANE_LAUNCHES;
    atomic_store_explicit(&lane->limit, limit, memory_order_relaxed);
}

static uint64_t cost_of(struct lane *lane, const struct mark *mark, struct costs *costs) {
    uint64_t seen, known = 0;
    if (mark->task.name == 0)
        return 0;
    (void)costs_expect(costs, &mark->task, &known);
    if (!time_between(mark->begin, mark->end, &seen))
        return known;
    uint64_t cost = costs_learn(costs, &mark->task, bounds(mark, seen));
    adapt(lane, known, cost);
    return cost;
}

static void settle(struct lanes *lanes, struct lane *lane, struct costs *costs, struct news *news) {
    struct mark *mark = oldest(lane);
    bool entered = context_enter(lane->context); /* our own thread has none */
    news->expected = mark->expected + cost_of(lane, mark, costs);
    news->undisturbed = mark->surroundings.undisturbed;
    if (!time_worked(lanes, lane, mark, &news->elapsed)) {
        news->elapsed = news->expected;
        news->undisturbed = false;
    }
    if (entered)
        context_leave();
    lane->first = (lane->first + 1) % LANE_MARKS;
    lane->count--;
}

/* The lane of which the next mark was set first, of those that were set at or after `order`. */
static struct lane *first_from(struct lanes *lanes, uint64_t order) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    struct lane *first = NULL;
    for (struct lane *lane = lanes->of; lane < lanes->of + count; lane++)
        if (lane->count > 0 && oldest(lane)->order >= order &&
            (first == NULL || oldest(lane)->order < oldest(first)->order))
            first = lane;
    return first;
}

/* The driver is asked as little as can be. */
bool marks_collect(struct lanes *lanes, struct costs *costs, struct news *news) {
    struct lane *lane = first_from(lanes, 0);
    while (lane != NULL && DRIVER(cuEventQuery)(oldest(lane)->end) == CUDA_ERROR_NOT_READY)
        lane = first_from(lanes, oldest(lane)->order + 1);
    if (lane != NULL)
        settle(lanes, lane, costs, news);
    return lane != NULL;
}

bool marks_run(const struct lanes *lanes) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    for (const struct lane *lane = lanes->of; lane < lanes->of + count; lane++) {
        const struct mark *mark = &lane->marks[lane->first];
        if (lane->count > 0 && mark->task.name != 0 && DRIVER(cuEventQuery)(mark->begin) == CUDA_SUCCESS &&
            DRIVER(cuEventQuery)(mark->end) == CUDA_ERROR_NOT_READY)
            return true;
    }
    return false;
}

void marks_disturb(struct lanes *lanes) {
    for (struct lane *lane = lanes->of; lane < lanes->of + LANES; lane++)
        for (unsigned i = 0; i < LANE_MARKS; i++) {
            lane->marks[i].surroundings.undisturbed = false;
            lane->marks[i].surroundings.after_another = true;
        }
}
