/* What this process has launched on a GPU, stream by stream. */
#include "core/lanes.h"

#include "core/events.h"
#include "core/numbers.h"

static void empty(struct lane *lane) {
    atomic_store_explicit(&lane->allowance, 0, memory_order_relaxed);
    atomic_store_explicit(&lane->expected, 0, memory_order_relaxed);
    atomic_store_explicit(&lane->launches, 0, memory_order_relaxed);
    atomic_store_explicit(&lane->limit, 1, memory_order_relaxed);
    lane->counted = 0;
    lane->first = lane->count = 0;
    lane->setting = 0;
}

static void destroy_events(struct lane *lane) {
    for (int i = 0; i < LANE_MARKS; i++) {
        event_destroy(lane->context, lane->marks[i].begin);
        event_destroy(lane->context, lane->marks[i].end);
        lane->marks[i] = (struct mark){0};
    }
    lane->context = NULL;
}

static bool create_events(struct lane *lane, CUcontext context) {
    lane->context = context;
    for (int i = 0; i < LANE_MARKS; i++) {
        lane->marks[i].begin = event_create(context);
        lane->marks[i].end = event_create(context);
        if (lane->marks[i].begin == NULL || lane->marks[i].end == NULL) {
            destroy_events(lane);
            return false;
        }
    }
    return true;
}

static _Atomic uint64_t *name_of(struct lanes *lanes, const struct lane *lane) {
    return &lanes->names[lane - lanes->of];
}

struct lane *lanes_find(struct lanes *lanes, CUstream stream) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    for (struct lane *lane = lanes->of; lane < lanes->of + count; lane++)
        if (atomic_load_explicit(name_of(lanes, lane), memory_order_relaxed) == lane_name(stream))
            return lane;
    return NULL;
}

/* A place for a stream that has none: a new one, or that of a stream which is done. */
static struct lane *free_place(struct lanes *lanes) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    if (count < LANES)
        return &lanes->of[count];
    for (struct lane *lane = lanes->of; lane < lanes->of + LANES; lane++)
        if (lane->count == 0 && lane->setting == 0)
            return lane;
    return NULL;
}

struct lane *lanes_get(struct lanes *lanes, CUstream stream) {
    CUcontext context;
    uint64_t name = lane_name(stream);
    struct lane *lane = lanes_find(lanes, stream);
    if (lane == NULL)
        lane = free_place(lanes);
    if (lane == NULL || !event_context(stream, &context))
        return NULL;
    if (lane->context != context) {
        destroy_events(lane);
        empty(lane);
        if (!create_events(lane, context))
            return NULL;
    }
    if (atomic_load_explicit(name_of(lanes, lane), memory_order_relaxed) != name)
        empty(lane);
    atomic_store_explicit(name_of(lanes, lane), name, memory_order_relaxed);
    if (lane == &lanes->of[atomic_load_explicit(&lanes->count, memory_order_relaxed)])
        atomic_fetch_add_explicit(&lanes->count, 1, memory_order_release);
    return lane;
}

uint64_t lane_tail(const struct lane *lane) {
    return less_or_0(atomic_load_explicit(&lane->expected, memory_order_relaxed), lane->counted);
}

void lane_forget_tail(struct lane *lane) {
    lane->counted = 0;
    atomic_store_explicit(&lane->expected, 0, memory_order_relaxed);
    atomic_store_explicit(&lane->launches, 0, memory_order_relaxed);
}

void lane_add(struct lane *lane, const struct costs *costs, const struct task *task) {
    uint64_t cost;
    if (costs_expect(costs, task, &cost))
        atomic_fetch_add_explicit(&lane->expected, cost, memory_order_relaxed);
}

/* The driver is not asked about the stream, which may be captured. */
void lanes_forget_tail(struct lanes *lanes, CUstream stream) {
    struct lane *lane = lanes_find(lanes, stream);
    if (lane != NULL)
        lane_forget_tail(lane);
}

static void add_marks(struct flight *flight, const struct lane *lane, const struct costs *costs) {
    for (unsigned i = 0; i < lane->count; i++) {
        const struct mark *mark = &lane->marks[(lane->first + i) % LANE_MARKS];
        uint64_t cost = 0;
        flight->unknown |= mark->task.name != 0 && !costs_expect(costs, &mark->task, &cost);
        flight->ns += mark->expected + cost;
    }
    flight->marks += lane->count;
}

bool lane_is_in_flight(const struct lane *lane) {
    return lane->count > 0 || atomic_load_explicit(&lane->launches, memory_order_relaxed) > 0;
}

struct flight lanes_in_flight(const struct lanes *lanes, const struct costs *costs) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    struct flight flight = {0};
    for (const struct lane *lane = lanes->of; lane < lanes->of + count; lane++) {
        add_marks(&flight, lane, costs);
        flight.ns += lane_tail(lane);
        flight.lanes += lane_is_in_flight(lane);
    }
    return flight;
}

void lanes_close(struct lanes *lanes) {
    for (struct lane *lane = lanes->of; lane < lanes->of + LANES; lane++)
        atomic_store_explicit(&lane->allowance, 0, memory_order_relaxed);
}

uint64_t lanes_count_tails(struct lanes *lanes, const struct lane *without) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    uint64_t sum = 0;
    for (struct lane *lane = lanes->of; lane < lanes->of + count; lane++) {
        if (lane == without)
            continue;
        sum += lane_tail(lane);
        lane->counted = atomic_load_explicit(&lane->expected, memory_order_relaxed);
    }
    return sum;
}

uint64_t lanes_activity(const struct lanes *lanes) {
    unsigned count = atomic_load_explicit(&lanes->count, memory_order_relaxed);
    uint64_t sum = 0;
    for (const struct lane *lane = lanes->of; lane < lanes->of + count; lane++)
        sum = sum * 31 + atomic_load_explicit(&lane->launches, memory_order_relaxed) + lane->first;
    return sum;
}

void lanes_drop(struct lanes *lanes) {
    for (struct lane *lane = lanes->of; lane < lanes->of + LANES; lane++) {
        destroy_events(lane);
        empty(lane);
        atomic_store_explicit(name_of(lanes, lane), UINT64_MAX, memory_order_relaxed);
    }
    event_destroy(lanes->last_context, lanes->last);
    lanes->last = NULL;
    atomic_store_explicit(&lanes->count, 0, memory_order_release);
}
