/*
 * dlopen and dlmopen: RTLD_DEEPBIND is taken out of the flags.
 *
 * With it, a library and all that it needs would find the driver, and the C library's dlsym, before us: its device
 * memory would have no limit. Without it the library is loaded as everywhere where that flag does not exist.
 *
 * What is found depends on who asks, which the C library reads from the return address: so we jump to the real
 * function.
 */
#include "core/objects.h"
#include "core/real_dl.h"

#include <dlfcn.h>
#include <stdatomic.h>

typedef void *dlopen_fn(const char *file, int flags);
typedef void *dlmopen_fn(Lmid_t space, const char *file, int flags);

EXPORTED void *dlopen(const char *file, int flags) {
    static _Atomic(void *) cache;
    dlopen_fn *real = (dlopen_fn *)cached_symbol(&cache, "dlopen");
    JUMP_TO(real(file, flags & ~RTLD_DEEPBIND));
}

EXPORTED void *dlmopen(Lmid_t space, const char *file, int flags) {
    static _Atomic(void *) cache;
    dlmopen_fn *real = (dlmopen_fn *)cached_symbol(&cache, "dlmopen");
    JUMP_TO(real(space, file, flags & ~RTLD_DEEPBIND));
}
