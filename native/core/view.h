/* What a program is shown of a GPU's memory: its shares instead of the whole. */
#ifndef HAMI_CORE_VIEW_H
#define HAMI_CORE_VIEW_H

#include "core/gpu.h"

struct view {
    uint64_t total; /* bytes; never more than the GPU has */
    uint64_t used;  /* bytes; never more than total */
};

struct view view_of(struct gpu *gpu, uint64_t real_total);

#endif
