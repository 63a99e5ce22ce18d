/*
 * dlopen and dlmopen: RTLD_DEEPBIND is taken out of the flags, and new namespaces begin with a copy of us.
 *
 * With that flag, a library and all that it needs would find the driver, and the C library's dlsym, before us: its
 * device memory would have no limit. Without it the library is loaded as everywhere where that flag does not exist.
 *
 * The C library preloads nothing into a namespace. But what is loaded into it first is found first by all that follows,
 * as if it had been. If the library itself cannot be loaded then, the namespace stays, and has only the copy.
 *
 * What is found depends on who asks, which the C library reads from the return address: so we jump to the real
 * function.
 */
#include "core/objects.h"
#include "core/real_dl.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef void *dlopen_fn(const char *file, int flags);
typedef void *dlmopen_fn(Lmid_t space, const char *file, int flags);
typedef int dlinfo_fn(void *handle, int request, void *answer);

EXPORTED void *dlopen(const char *file, int flags) {
    static _Atomic(void *) cache;
    dlopen_fn *real = (dlopen_fn *)cached_symbol(&cache, "dlopen");
    JUMP_TO(real(file, flags & ~RTLD_DEEPBIND));
}

/* False if it cannot be: then nothing must be loaded into one. */
static bool begin_namespace(dlmopen_fn *real, Lmid_t *space) {
    static _Atomic(void *) dladdr_cache, dlinfo_cache;
    dladdr_fn *real_dladdr = (dladdr_fn *)cached_symbol(&dladdr_cache, "dladdr");
    dlinfo_fn *real_dlinfo = (dlinfo_fn *)cached_symbol(&dlinfo_cache, "dlinfo");
    Dl_info us;
    if (real_dladdr((void *)begin_namespace, &us) == 0)
        return false;
    void *copy = real(LM_ID_NEWLM, us.dli_fname, RTLD_NOW);
    return copy != NULL && real_dlinfo(copy, RTLD_DI_LMID, space) == 0;
}

EXPORTED void *dlmopen(Lmid_t space, const char *file, int flags) {
    static _Atomic(void *) cache;
    dlmopen_fn *real = (dlmopen_fn *)cached_symbol(&cache, "dlmopen");
    if (space == LM_ID_NEWLM && !begin_namespace(real, &space))
        return NULL;
    JUMP_TO(real(space, file, flags & ~RTLD_DEEPBIND));
}
