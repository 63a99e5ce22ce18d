/* The driver's own functions, in the libraries that the program itself has loaded. */
#ifndef HAMI_CORE_DRIVER_H
#define HAMI_CORE_DRIVER_H

#include "core/hooks.h"

#include <stdbool.h>

/* The driver's function, to be called. One that this driver does not have answers CUDA_ERROR_NOT_FOUND or
 * NVML_ERROR_FUNCTION_NOT_FOUND, and so does every one as long as the program has not loaded the library. */
#define DRIVER(name) ((name##_fn *)driver_function(FUNCTION_##name))

/* Never NULL. */
void *driver_function(enum function function);

/* NULL if the driver is not loaded or does not have it. */
void *driver_function_or_null(enum function function);

/* What stands in for a function that the driver does not have: it answers as above. */
void *driver_missing(enum function function);

/* As the driver exports it: the longest name has room. */
#define DRIVER_NAME_SIZE 48
const char *driver_name(enum function function);

/* libcuda.so.1, libnvidia-ml.so.1. */
const char *driver_soname(enum library library);

/* Loads the library if the program has not done so. */
bool driver_load(enum library library);

/* Whether that is what dlopen gave for the library. */
bool driver_is_handle(enum library library, const void *handle);

/* Spares the search for a function that was found in the library already. */
void driver_remember(enum function function, void *address);

#endif
