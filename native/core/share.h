/* One share: a limit, and the region in which its processes account for what they use of it. */
#ifndef HAMI_CORE_SHARE_H
#define HAMI_CORE_SHARE_H

#include "core/limits.h"
#include "core/lock.h"
#include "core/region.h"

#include <stdbool.h>
#include <stdint.h>

struct share {
    struct limits limits;
    char *limits_path;          /* NULL: the limit came from the environment and cannot change */
    uint64_t limits_generation; /* of the region, when `limits` was read */
    struct region region;
    struct hami_compute own_account; /* stands in for that of a broken region */
    uint64_t swept;                  /* when a look at its memory last swept the region, in ns */
    struct lock lock;
    struct share *next; /* on the same GPU */
};

struct share_memory {
    uint64_t limit; /* bytes */
    uint64_t used;  /* bytes, by all processes of the share */
};

struct share_time {
    unsigned cores; /* percent, 1 to 100 */
    enum policy policy;
    bool urgent;
    struct hami_compute *account;
    const uint64_t *generation; /* another number when the plugin has changed the share; NULL where it cannot */
    uint64_t seen;              /* the number when it was read */
};

/* A share without limits yet. limits_path may be NULL; the strings become the share's. NULL without memory. */
struct share *share_new(char *limits_path, char *region_path);

/* Takes between at_least and at_most bytes. Returns how many: 0 if at_least do not fit, or if the share is broken. */
uint64_t share_take(struct share *share, uint64_t at_least, uint64_t at_most);

/* Gives back at_most bytes, or what this process holds if that is less. Returns how many. */
uint64_t share_give(struct share *share, uint64_t at_most);

/* Bytes that this process holds. */
uint64_t share_held(struct share *share);

/* Takes back what processes held that have died. False if another process is at it. */
bool share_sweep(struct share *share);

/* Between them, no other process of the share is there. True if it is our turn, or if the share is broken. */
bool share_turn_begin(struct share *share);
void share_turn_end(struct share *share);

/* A broken share has nothing free. */
struct share_memory share_look(struct share *share);

/* What it grants of the GPU's time. The account is the process's own where the share is broken: there is no telling
 * what the others use. */
struct share_time share_time(struct share *share);

/* In a forked child: the next use takes a slot of its own. */
void share_forget(struct share *share);

#endif
