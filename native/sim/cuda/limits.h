/* What may be set of a context, and takes device memory. */
#ifndef HAMI_SIM_LIMITS_H
#define HAMI_SIM_LIMITS_H

#include <stddef.h>

/* Fills the limits of a new context. */
void limits_set_defaults(size_t *limits);

#endif
