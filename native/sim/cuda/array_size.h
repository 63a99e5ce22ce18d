/* How much memory an array takes. */
#ifndef HAMI_SIM_ARRAY_SIZE_H
#define HAMI_SIM_ARRAY_SIZE_H

#include "abi/cuda.h"

#include <stdbool.h>

#define ARRAY_ROW 64u /* bytes: rows start at multiples of it */

/* Bytes of an array with that many levels, of which each is half as wide, high and deep as the one before; layers stay.
 * False if no such array can be. */
bool array_size(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned levels, uint64_t *bytes);

/* Bytes of one element. */
unsigned array_element(const CUDA_ARRAY3D_DESCRIPTOR *shape);

/* The shape of a level. */
CUDA_ARRAY3D_DESCRIPTOR array_level(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned level);

#endif
