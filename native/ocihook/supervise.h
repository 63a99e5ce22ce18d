/* Does what may hang or crash in a process of its own, for a time. */
#ifndef HAMI_OCIHOOK_SUPERVISE_H
#define HAMI_OCIHOOK_SUPERVISE_H

#include "ocihook/problem.h"

#include <stdbool.h>

typedef bool supervised(const void *argument, struct problem *problem);

/* Whether `work` came to a good end within so many milliseconds; what it prints is lost. */
bool supervise(supervised *work, const void *argument, int milliseconds, struct problem *problem);

#endif
