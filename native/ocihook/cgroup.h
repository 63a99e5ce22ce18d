/* Where a process is in the cgroup v2 tree. */
#ifndef HAMI_OCIHOOK_CGROUP_H
#define HAMI_OCIHOOK_CGROUP_H

#include "ocihook/problem.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Writes the absolute path of the process's directory, as this process sees the tree. There is none if the process is
 * in no cgroup of version 2, or in one that this process is in too. */
bool cgroup_find(pid_t pid, char path[PATH_MAX], struct problem *problem);

#endif
