/* See schedule.h. */
#include "sim/common/schedule.h"

#include <stddef.h>

#include "sim/common/recent.h"

#include <stddef.h>

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t backlog(const struct sim_sharer *sharer) {
    return sharer->enqueued - sharer->served;
}

bool schedule_is_shared(const struct sim_schedule *schedule, unsigned sharer) {
    for (unsigned i = 0; i < schedule->count; i++)
        if (i != sharer && backlog(&schedule->sharers[i]) != 0)
            return true;
    return false;
}

/* Gives the turn to the next one that has work, which may be the same; false if none has. */
static bool pass_turn(struct sim_schedule *schedule, const struct schedule_rules *rules) {
    for (unsigned i = 1; i <= schedule->count; i++) {
        unsigned next = (schedule->turn + i) % schedule->count;
        if (backlog(&schedule->sharers[next]) == 0)
            continue;
        schedule->switching = next != schedule->turn ? rules->switch_ns : 0;
        schedule->turn = next;
        schedule->left = rules->slice_ns;
        return true;
    }
    return false;
}

/* What is left of a slice after `ns`, if new ones follow it. */
static uint64_t left_after(uint64_t left, uint64_t ns, uint64_t slice) {
    return ns < left ? left - ns : slice - (ns - left) % slice;
}

/* Serves the sharer whose turn it is until `to`, or until its work or, if others wait, its slice is at an end. */
static void serve(struct sim_schedule *schedule, const struct schedule_rules *rules, uint64_t to, schedule_sink *sink,
                  void *argument) {
    struct sim_sharer *sharer = &schedule->sharers[schedule->turn];
    bool shared = schedule_is_shared(schedule, schedule->turn);
    uint64_t ns = least(backlog(sharer), to - schedule->now);
    if (shared)
        ns = least(ns, schedule->left);
    schedule->left = shared ? schedule->left - ns : left_after(schedule->left, ns, rules->slice_ns);
    recent_add(&schedule->recent, schedule->now, ns);
    recent_add(&sharer->recent, schedule->now, ns);
    if (sink != NULL)
        sink(argument, sharer, schedule->now, ns);
    sharer->served += ns;
    schedule->now += ns;
}

/* One step: a change of turn, or what one sharer is served in one go. False if there is nothing to do. */
static bool step(struct sim_schedule *schedule, const struct schedule_rules *rules, uint64_t to, schedule_sink *sink,
                 void *argument) {
    bool goes_on = schedule->count != 0 && schedule->left != 0 && backlog(&schedule->sharers[schedule->turn]) != 0;
    if (!goes_on && !pass_turn(schedule, rules))
        return false;
    uint64_t switching = least(schedule->switching, to - schedule->now);
    schedule->switching -= switching;
    schedule->now += switching;
    if (schedule->now < to)
        serve(schedule, rules, to, sink, argument);
    return true;
}

void schedule_advance(struct sim_schedule *schedule, const struct schedule_rules *rules, uint64_t to,
                      schedule_sink *sink, void *argument) {
    while (schedule->now < to && step(schedule, rules, to, sink, argument))
        continue;
    if (schedule->now < to)
        schedule->now = to;
}

uint64_t schedule_foresee(struct sim_schedule *schedule, const struct schedule_rules *rules, unsigned sharer,
                          uint64_t position, uint64_t limit) {
    struct sim_sharer *whose = &schedule->sharers[sharer];
    whose->enqueued = position;
    while (whose->served < position && schedule->now < limit && step(schedule, rules, limit, NULL, NULL))
        continue;
    return schedule->now;
}

/* The turn stays with whom it is; that of the removed one is at an end, and passes to the next. */
void schedule_remove(struct sim_schedule *schedule, unsigned sharer) {
    if (schedule->turn == sharer)
        schedule->left = 0;
    schedule->count--;
    for (unsigned i = sharer; i < schedule->count; i++)
        schedule->sharers[i] = schedule->sharers[i + 1];
    if (schedule->turn >= sharer)
        schedule->turn = schedule->turn > 0 ? schedule->turn - 1 : schedule->count > 0 ? schedule->count - 1 : 0;
}
