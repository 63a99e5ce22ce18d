/* Arrays: device memory in a layout of the driver's own, for textures. */
#ifndef HAMI_SIM_ARRAY_H
#define HAMI_SIM_ARRAY_H

#include "sim/cuda/tiles.h"

/* Destroys every array that was created in the context. */
void arrays_destroy_all_of(CUcontext context);

/* What the program maps memory to. NULL: it is no array whose memory is mapped; a level of a mipmapped one is none. */
struct tiles *array_tiles(CUarray array);
struct tiles *mipmapped_array_tiles(CUmipmappedArray mipmap);

#endif
