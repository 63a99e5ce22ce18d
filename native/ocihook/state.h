/* A container's state, which the runtime writes to a hook's standard input (OCI runtime specification, "State"). */
#ifndef HAMI_OCIHOOK_STATE_H
#define HAMI_OCIHOOK_STATE_H

#include "ocihook/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STATE_SIZE ((size_t)64 << 10) /* bytes, more than any runtime writes */

struct state {
    char id[241]; /* a file's plain name: no longer than leaves room to write it under another first */
    pid_t pid;    /* of the container's init, as the hook's PID namespace has it */
};

/* Reads the state from a text of `length` bytes. */
bool state_parse(const char *text, size_t length, struct state *state, struct problem *problem);

/* Reads it from a descriptor up to its end, for so many milliseconds at most. */
bool state_read(int descriptor, int milliseconds, struct state *state, struct problem *problem);

#endif
