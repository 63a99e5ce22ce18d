/* Which cgroup v2 a process is in, as the kernel says it. */
#ifndef HAMI_SIM_CGROUP_H
#define HAMI_SIM_CGROUP_H

#include "sim/common/state.h"

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_WITHOUT_DMEM "user.hami-sim.without-dmem"

/* Cgroups by the kernel's id, which is the inode number of the directory in every mount: one, its parent and so on up,
 * as far as the caller sees the tree; 0 after the last. */
typedef uint64_t cgroup_chain[SIM_CGROUP_DEPTH];

/* The id of this process's cgroup; 0 if neither the kernel tells it nor a mount shows it. */
uint64_t cgroup_of_self(void);

/* This process's cgroup and its ancestors; the first is 0 if not even that is known. */
void cgroup_chain_of_self(cgroup_chain chain);

/* Opens the directory of a cgroup v2 for what follows; negative if it is none. */
int cgroup_open(const char *path);

/* The cgroup of an open directory and its ancestors. */
void cgroup_chain_of(int directory, cgroup_chain chain);

/* Whether all ancestors of the cgroup of an open directory hand the controller dmem down, which the root itself has
 * not. For a kernel that has none, one with the extended attribute CGROUP_WITHOUT_DMEM stands for one that does not. */
bool cgroup_has_dmem(int directory);

/* Whether a cgroup is still there, asked through the open directory of any; true also where the caller may not know. */
bool cgroup_exists(int directory, uint64_t id);

#endif
