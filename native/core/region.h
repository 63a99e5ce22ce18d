/* A share's region as this process sees it: the mapping, and the slot that it holds in there. */
#ifndef HAMI_CORE_REGION_H
#define HAMI_CORE_REGION_H

#include "abi/share.h"

#include <stdbool.h>

/* Its user sees to it that one thread at a time is in here. */
struct region {
    const char *path;
    bool may_create; /* the environment contract has no plugin that made the file */
    int file;
    int slot; /* none: -1 */
    struct hami_region *map;
    const char *failure; /* what was last logged as wrong with it */
};

/* Maps the region unless it is mapped. False if it is missing or not a region of ours. */
bool region_open(struct region *region);

/* Holds a slot from now on, until the process ends or forks. False if there is none, or if another process is just
 * taking back those of the dead. Opens the region. */
bool region_join(struct region *region);

/* Takes back what processes held that have died. False if another process is at it. The region is open. */
bool region_sweep(struct region *region);

/* Finds the living process that holds the slot, by its PID in this process's namespace. False if none does, or if it
 * has no PID here. The region is open. */
bool region_owner(const struct region *region, uint32_t slot, uint32_t *pid);

/* A turn that only one process has at a time. False while another has it. It ends with the process too. The region is
 * open. */
bool region_turn_begin(struct region *region);
void region_turn_end(struct region *region);

/* In a forked child: lets go of the parent's slot and file without touching them. */
void region_forget(struct region *region);

#endif
