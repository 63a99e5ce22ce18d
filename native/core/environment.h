/* HAMi-core's environment contract: limits by variables, for containers without share folders. */
#ifndef HAMI_CORE_ENVIRONMENT_H
#define HAMI_CORE_ENVIRONMENT_H

#include "core/inventory.h"

void environment_read(struct inventory *inventory);

#endif
