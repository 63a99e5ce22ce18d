/* The note of a container in a share's folder: <share>/containers/<container id>. Its format is told in abi/share.h. */
#ifndef HAMI_OCIHOOK_NOTE_H
#define HAMI_OCIHOOK_NOTE_H

#include "ocihook/problem.h"
#include "ocihook/state.h"

#include <stdbool.h>

/* Writes the note that this container uses the share, at once or not at all. */
bool note_write(const char *share, const struct state *state, const char *cgroup, bool by_driver,
                struct problem *problem);

void note_remove(const char *share, const struct state *state);

enum note { NOTE_NONE, NOTE_BY_LIBRARY, NOTE_BY_DRIVER };

/* Whether the share whose folder is open notes this container, and who is to hold it to this share. */
enum note note_read(int share, const struct state *state);

#endif
