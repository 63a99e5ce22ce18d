/* Arrays: device memory in a layout of the driver's own, for textures. */
#ifndef HAMI_SIM_ARRAY_H
#define HAMI_SIM_ARRAY_H

#include "abi/cuda.h"

/* Destroys every array that was created in the context. */
void arrays_destroy_all_of(CUcontext context);

#endif
