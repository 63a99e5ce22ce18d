/* The note of a container in a share's folder: <share>/containers/<container id>. Its format is told in abi/share.h. */
#ifndef HAMI_OCIHOOK_NOTE_H
#define HAMI_OCIHOOK_NOTE_H

#include "ocihook/problem.h"
#include "ocihook/state.h"

#include <stdbool.h>

/* Writes the note that this container uses the share, at once or not at all. */
bool note_write(const char *share, const struct state *state, const char *cgroup, struct problem *problem);

void note_remove(const char *share, const struct state *state);

/* Whether the share whose folder is open notes this container. */
bool note_exists(int share, const struct state *state);

#endif
