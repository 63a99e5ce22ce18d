/* Holds this process to its share of a GPU's time: the account, and the turn as seen by those who launch. */
#include "core/compute.h"

#include "core/budget.h"
#include "core/clock.h"
#include "core/futex.h"
#include "core/inventory.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE 100 /* percent */

/* What is late is looked for again after such a part of the time by which it is. */
#define OVERDUE_PARTS 32

/* So long after it should be over work is waited for that has not begun, and that runs on and on: next time twice as
 * long. */
#define STALLED_NS UINT64_C(200000000)
#define RUNS_ON_NS UINT64_C(1600000000)

/* To see who waits for the turn takes calls of the kernel: so long is it taken to be as it was. */
#define WANTED_NS 100000

static void read_grants(struct compute *compute) {
    bool off = false;
    uint64_t seen = 0;
    compute->cores = 0;
    compute->work_conserving = compute->urgent = false;
    for (unsigned i = 0; i < compute->grant_count; i++) {
        struct grant *grant = &compute->grants[i];
        struct share_time time = share_time(grant->share);
        grant->cores = time.cores;
        compute->cores += time.cores;
        off |= time.policy == POLICY_OFF;
        compute->work_conserving |= time.policy == POLICY_WORK_CONSERVING;
        compute->urgent |= time.urgent;
        seen += grant->generation == time.generation ? time.seen : 0;
    }
    compute->cores = compute->cores < WHOLE ? compute->cores : WHOLE;
    bool limited = compute->grant_count > 0 && compute->cores < WHOLE && !off;
    atomic_store_explicit(&compute->seen, seen, memory_order_relaxed);
    atomic_store_explicit(&compute->limited, limited, memory_order_relaxed);
}

static void add_grant(struct compute *compute, struct share *share) {
    static const uint64_t never_changed;
    struct share_time time = share_time(share);
    compute->grants[compute->grant_count++] =
        (struct grant){.share = share,
                       .account = time.account,
                       .generation = time.generation != NULL ? time.generation : &never_changed};
}

static struct compute *build(struct gpu *gpu) {
    struct compute *compute = aligned_alloc(_Alignof(struct compute), sizeof *compute);
    unsigned count = 0;
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        count++;
    struct grant *grants = calloc(count + 1, sizeof *grants);
    if (compute == NULL || grants == NULL) {
        free(compute);
        free(grants);
        return NULL;
    }
    memset(compute, 0, sizeof *compute);
    compute->grants = grants;
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        add_grant(compute, share);
    read_grants(compute);
    if (gpu->turns != NULL && !turn_open(&compute->turn, gpu->turns, gpu->makes_turns))
        log_line(LOG_ERROR, "%s: no turns are given on this GPU; its time is held to less exactly", gpu->turns);
    return compute;
}

static struct lock creating;

/* Without memory for it the GPU's time is not limited: the program will not get far. */
static struct compute *create(struct gpu *gpu) {
    lock_take(&creating);
    struct compute *compute = atomic_load_explicit(&gpu->compute, memory_order_relaxed);
    if (compute == NULL) {
        compute = build(gpu);
        atomic_store_explicit(&gpu->compute, compute, memory_order_release);
    }
    lock_release(&creating);
    return compute;
}

void compute_refresh(struct compute *compute) {
    if (compute_is_outdated(compute))
        read_grants(compute);
}

COLD struct compute *compute_of(struct gpu *gpu) {
    struct compute *compute = gpu != NULL ? atomic_load_explicit(&gpu->compute, memory_order_acquire) : NULL;
    if (gpu != NULL && compute == NULL)
        compute = create(gpu);
    if (compute == NULL)
        return NULL;
    if (!compute_is_limited(compute) && compute_is_outdated(compute)) {
        lock_take(&compute->lock);
        compute_refresh(compute);
        lock_release(&compute->lock);
    }
    return compute_is_limited(compute) ? compute : NULL;
}

static uint64_t paid_until(const struct grant *grant) {
    return __atomic_load_n(&grant->account->paid_until, __ATOMIC_RELAXED);
}

int64_t compute_left(const struct compute *compute, uint64_t now) {
    int64_t left = INT64_MIN, sum = 0;
    for (unsigned i = 0; i < compute->grant_count; i++) {
        int64_t of_this = budget_left(paid_until(&compute->grants[i]), now, compute->grants[i].cores);
        sum += of_this > 0 ? of_this : 0;
        left = of_this > left ? of_this : left;
    }
    return sum > 0 ? sum : left;
}

uint64_t compute_wait(const struct compute *compute, uint64_t now, int64_t wanted) {
    int64_t missing = wanted - compute_left(compute, now);
    return missing > 0 ? (uint64_t)missing * WHOLE / compute->cores : 0;
}

int64_t compute_until(const struct compute *compute, uint64_t now, uint64_t ns) {
    int64_t rest = (int64_t)ns - (int64_t)(now - compute->progressed);
    return rest > 0 ? rest : -rest / OVERDUE_PARTS;
}

bool compute_is_stalled(const struct compute *compute, uint64_t now, const struct flight *flight) {
    uint64_t waited = now - compute->progressed;
    return waited > STALLED_NS + 2 * flight->ns &&
           (waited > RUNS_ON_NS << compute->stalls || !marks_run(&compute->lanes));
}

uint64_t compute_expected(const struct compute *compute, uint64_t now, const struct flight *flight) {
    return compute->indulgence > 0 || compute_is_stalled(compute, now, flight) ? 0 : flight->ns;
}

int64_t compute_wanted(const struct compute *compute) {
    return compute->exhausted ? budget_enough(compute->cores) : 1;
}

bool compute_may_borrow(struct compute *compute, uint64_t now) {
    if (!compute->work_conserving)
        return false;
    if (now - compute->wanted_at >= WANTED_NS) {
        compute->wanted = turn_is_wanted(&compute->turn);
        compute->wanted_at = now;
    }
    return !compute->wanted;
}

/* The share that has most left pays. */
static struct grant *payer(const struct compute *compute, uint64_t now) {
    struct grant *best = compute->grants;
    for (unsigned i = 1; i < compute->grant_count; i++) {
        struct grant *grant = &compute->grants[i];
        if (budget_left(paid_until(grant), now, grant->cores) > budget_left(paid_until(best), now, best->cores))
            best = grant;
    }
    return best;
}

static void update(const struct grant *grant, uint64_t now, uint64_t (*change)(uint64_t, uint64_t, unsigned, uint64_t),
                   uint64_t used) {
    uint64_t *account = &grant->account->paid_until;
    uint64_t paid = __atomic_load_n(account, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(account, &paid, change(paid, now, grant->cores, used), false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
}

/* Time that nobody else wanted makes no debts. */
static uint64_t charge_borrowed(uint64_t paid, uint64_t now, unsigned cores, uint64_t used) {
    uint64_t charged = budget_charge(paid, now, cores, used);
    uint64_t borrowed = paid > now ? paid : now;
    return charged < borrowed ? charged : borrowed;
}

static uint64_t begin(uint64_t paid, uint64_t now, unsigned cores, uint64_t used) {
    (void)used;
    return budget_begin(paid, now, cores);
}

void compute_begin_wanting(struct compute *compute, uint64_t now) {
    for (unsigned i = 0; i < compute->grant_count; i++)
        update(&compute->grants[i], now, begin, 0);
}

void compute_charge(struct compute *compute, uint64_t now, uint64_t used) {
    if (used == 0 || compute->grant_count == 0)
        return;
    const struct grant *grant = payer(compute, now);
    compute->used += used;
    __atomic_fetch_add(&grant->account->used, used, __ATOMIC_RELAXED);
    update(grant, now, compute_may_borrow(compute, now) ? charge_borrowed : budget_charge, used);
}

/* One looks later than it happens; by how much, the GPU's own clock tells. */
static uint64_t progress(const struct compute *compute, uint64_t now, const struct news *news) {
    uint64_t then = compute->progressed + news->elapsed;
    return news->undisturbed && then < now ? then : now;
}

void compute_collect(struct compute *compute, uint64_t now) {
    struct news news;
    while (marks_collect(&compute->lanes, &compute->costs, &news)) {
        compute->progressed = progress(compute, now, &news);
        compute->stalls = compute->indulgence = 0;
        compute_charge(compute, now, meter_add(&compute->meter, news.elapsed, news.expected, news.undisturbed));
    }
}

void compute_begin_turn(struct compute *compute, uint64_t now) {
    compute->state = TURN_OURS;
    compute->progressed = now;
    compute->used = 0;
    compute->exhausted = false;
    compute->entitled = compute->first = true;
    compute->meter = (struct meter){0};
}

void compute_end_turn(struct compute *compute) {
    compute->state = TURN_ENDING;
    lanes_close(&compute->lanes);
}

void compute_tell(struct compute *compute) {
    if (compute->waiting > 0)
        futex_tell(&compute->news);
}

/* How long a process that exits waits for threads that are in a call of the driver. */
#define LAST_CALL_MS 1000

static atomic_bool ended;

bool compute_has_ended(void) {
    return atomic_load_explicit(&ended, memory_order_acquire);
}

/* Nobody will see what is under way end, so it is paid for as what it is expected to take. */
static void settle(struct compute *compute) {
    uint64_t now = clock_ns();
    compute_collect(compute, now);
    compute_charge(compute, now, lanes_in_flight(&compute->lanes, &compute->costs).ns);
}

/* Whoever has the lock after this knows. The thread ends the turn. */
static void see_out(struct gpu *gpu) {
    struct compute *compute = atomic_load_explicit(&gpu->compute, memory_order_acquire);
    if (compute == NULL || !lock_take_within(&compute->lock, LAST_CALL_MS))
        return;
    settle(compute);
    futex_tell(&compute->calls);
    lock_release(&compute->lock);
}

static void end(void) {
    atomic_store_explicit(&ended, true, memory_order_release);
    inventory_for_each(see_out);
}

/* Exit handlers run in the reverse of the order in which they were registered. */
void compute_end_with_process(void) {
    static atomic_bool registered;
    if (!atomic_exchange(&registered, true))
        (void)atexit(end); /* it fails only for want of memory: then it is as without */
}

static void drop_contexts_of(struct gpu *gpu) {
    struct compute *compute = atomic_load_explicit(&gpu->compute, memory_order_acquire);
    if (compute == NULL)
        return;
    lock_take(&compute->lock);
    settle(compute);
    lanes_drop(&compute->lanes);
    lock_release(&compute->lock);
}

void compute_drop_contexts(void) {
    if (!compute_has_ended())
        inventory_for_each(drop_contexts_of);
}

/* Its memory is left alone: another of the parent's threads may have been in the middle of a change. */
void compute_forget(struct gpu *gpu) {
    struct compute *compute = atomic_exchange_explicit(&gpu->compute, NULL, memory_order_relaxed);
    lock_release(&creating);
    if (compute != NULL)
        turn_forget(&compute->turn);
}
