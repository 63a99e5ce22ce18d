/* The subcommands of hami-sim. Each takes what follows its name and returns the program's exit status. */
#ifndef HAMI_SIM_TOOL_H
#define HAMI_SIM_TOOL_H

#include "sim/common/machine.h"

#include <stdbool.h>

int tool_create(int count, char **arguments);
int tool_fault(int count, char **arguments);
int tool_mig(int count, char **arguments);
int tool_show(int count, char **arguments);
int tool_watch(int count, char **arguments);

/* Opens the state of a machine; *own becomes a queue of this process, in whose name it may change schedules, or
 * SIM_MAX_QUEUES if it may not. Returns 0, or 1 after it has told why not. */
int tool_open(struct machine *machine, const char *path, uint32_t *own);

/* Prints "hami-sim: " and the message to standard error; returns 1, the status to exit with. */
__attribute__((format(printf, 1, 2))) int tool_fail(const char *format, ...);

#endif
