/* The share folders that the plugin has mounted into this container. */
#ifndef HAMI_CORE_FOLDERS_H
#define HAMI_CORE_FOLDERS_H

#include "core/inventory.h"

/* False if there is no share folder at all. */
bool folders_read(struct inventory *inventory);

#endif
