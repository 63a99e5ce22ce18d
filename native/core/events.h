/* Events of our own, which tell how far a stream has come. */
#ifndef HAMI_CORE_EVENTS_H
#define HAMI_CORE_EVENTS_H

#include "core/hooks.h"

#include <stdbool.h>

/* The context of which a stream's events must be; never a green one. */
bool event_context(CUstream stream, CUcontext *context);

/* Events of a context that need not be current. NULL: there can be none. */
CUevent event_create(CUcontext context);
void event_destroy(CUcontext context, CUevent event);

#endif
