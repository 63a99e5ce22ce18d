/*
 * dlopen and dlmopen: RTLD_DEEPBIND is taken out of the flags, and new namespaces begin with a copy of us:
 * namespaces.h.
 *
 * With that flag, a library and all that it needs would find the driver, and the C library's dlsym, before us: its
 * device memory would have no limit. Without it the library is loaded as everywhere where that flag does not exist.
 *
 * What is found depends on who asks, which the C library reads from the return address: so we jump to the real
 * function.
 */
#include "core/namespaces.h"
#include "core/objects.h"
#include "core/real_dl.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

typedef void *dlopen_fn(const char *file, int flags);

EXPORTED void *dlopen(const char *file, int flags) {
    static _Atomic(void *) cache;
    dlopen_fn *real = (dlopen_fn *)cached_symbol(&cache, "dlopen");
    JUMP_TO(real(file, flags & ~RTLD_DEEPBIND));
}

EXPORTED void *dlmopen(Lmid_t space, const char *file, int flags) {
    static _Atomic(void *) cache;
    dlmopen_fn *real = (dlmopen_fn *)cached_symbol(&cache, "dlmopen");
    if (space == LM_ID_NEWLM && !namespace_begin(real, &space))
        return NULL;
    JUMP_TO(real(space, file, flags & ~RTLD_DEEPBIND));
}
