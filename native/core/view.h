/* What a program is shown of a GPU's memory: its shares instead of the whole. */
#ifndef HAMI_CORE_VIEW_H
#define HAMI_CORE_VIEW_H

#include "core/gpu.h"

struct view {
    uint64_t total; /* bytes; never more than the GPU has */
    uint64_t used;  /* bytes, of the shares; never more than total */
    uint64_t free;  /* bytes; never more than is left of the total, or than the driver would give */
};

/* `real_free` and `real_total` are the driver's own answer, UINT64_MAX where it has none. */
struct view view_of(struct gpu *gpu, uint64_t real_free, uint64_t real_total);

#endif
