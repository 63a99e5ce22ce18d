/* Looks at the loaded objects without dlsym, which libvgpu.so replaces. */
#ifndef HAMI_CORE_OBJECTS_H
#define HAMI_CORE_OBJECTS_H

#include <stdbool.h>

/* The address of the first function of that name in the objects that were loaded after libvgpu.so, or NULL. */
void *next_symbol(const char *name);

/* The same, looked for once: `cache` holds it from then on. As long as there is none, a function that returns NULL or
 * 0: who calls it has not loaded the library that has it. */
void *cached_symbol(_Atomic(void *) *cache, const char *name);

/* Whether the object that the code at `address` is part of comes before libvgpu.so, so that we are its RTLD_NEXT. */
bool loaded_before_us(const void *address);

#endif
