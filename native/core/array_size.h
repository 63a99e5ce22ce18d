/* How much memory an array takes, which has to be known before it is made. */
#ifndef HAMI_CORE_ARRAY_SIZE_H
#define HAMI_CORE_ARRAY_SIZE_H

#include "core/hooks.h"

/* Bytes of an array or, with `levels`, of a mipmapped array in the current context. UINT64_MAX if that is too many. */
uint64_t array_size(const CUDA_ARRAY3D_DESCRIPTOR *shape);
uint64_t mipmapped_array_size(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned int levels);

#endif
