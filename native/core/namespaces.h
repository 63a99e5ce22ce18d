/* Namespaces of the dynamic loader: each that the program makes begins with a copy of us. */
#ifndef HAMI_CORE_NAMESPACES_H
#define HAMI_CORE_NAMESPACES_H

#include <dlfcn.h>
#include <stdbool.h>

typedef void *dlmopen_fn(Lmid_t space, const char *file, int flags);

/* Makes a namespace. False if we cannot be loaded into it: then nothing must be. */
bool namespace_begin(dlmopen_fn *real, Lmid_t *space);

/* In a forked child: another of the parent's threads may have been making one. */
void namespaces_forget(void);

#endif
