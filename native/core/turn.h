/*
 * Turns on a GPU: of all processes that are held to a part of its time, one at a time has it for itself.
 *
 * So none of them waits in the middle of its kernels for another's, and what a process measures is its own. A turn is
 * a lock on a file that all of them have open for reading: the kernel passes it on, also when its owner dies, and there
 * is nothing in the file that a tenant could spoil. Whoever keeps a turn and does nothing with it can keep others
 * waiting; how long they put up with that is theirs to say.
 */
#ifndef HAMI_CORE_TURN_H
#define HAMI_CORE_TURN_H

#include <stdbool.h>

struct turn {
    int turn;   /* who has this lock uses the GPU */
    int next;   /* who has this lock gets the turn next: whoever gives up a turn queues behind him */
    int urgent; /* those of high priority share this lock while they wait: others let them go first */
    bool opened;
};

/* `prefix` is what the paths of the three files begin with; they are made if `create`. False where there are none: then
 * this process takes its turns alone, and the functions below say that nobody else is there. */
bool turn_open(struct turn *turn, const char *prefix, bool create);

/* Takes the turn if nobody has it or waits for it. */
bool turn_try(const struct turn *turn, bool urgent);

/* Waits for the turn, as long as it takes. */
void turn_wait(const struct turn *turn, bool urgent);

/* Whether somebody waits for it whom the owner, urgent or not, should let go first as soon as it can. */
bool turn_is_wanted_urgently(const struct turn *turn, bool urgent);

/* Whether anybody waits for it. */
bool turn_is_wanted(const struct turn *turn);

void turn_end(const struct turn *turn);

/* In a forked child: the turn stays the parent's. */
void turn_forget(struct turn *turn);

#endif
