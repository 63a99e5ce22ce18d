/*
 * dlsym and dlvsym: a program that looks up a function of hooks.def in the driver gets our wrapper.
 *
 * Whatever else is asked must be answered as if we were not there. RTLD_NEXT and RTLD_DEFAULT depend on who asks, which
 * the C library reads from the return address. So we do not call the real function but jump to it (musttail): the
 * return address is still our caller's.
 */
#include "core/driver.h"
#include "core/objects.h"
#include "core/real_dl.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

dlsym_fn *real_dlsym(void) {
    static _Atomic(void *) cache;
    return (dlsym_fn *)cached_symbol(&cache, "dlsym");
}

dlvsym_fn *real_dlvsym(void) {
    static _Atomic(void *) cache;
    return (dlvsym_fn *)cached_symbol(&cache, "dlvsym");
}

/* For our own export, seen by RTLD_DEFAULT although the driver has no such function: what would be seen without us. */
static void *behind_us(const char *name) {
    void *found = real_dlsym()(RTLD_NEXT, name);
    __asm__ volatile("" : "+r"(found)); /* keeps the call from becoming a jump: the return address must be ours */
    return found;
}

static bool is_of_a_driver(const void *function, enum library library) {
    static _Atomic(void *) cache;
    dladdr_fn *real_dladdr = (dladdr_fn *)cached_symbol(&cache, "dladdr");
    Dl_info object;
    if (real_dladdr(function, &object) == 0 || object.dli_fname == NULL)
        return false;
    const char *slash = strrchr(object.dli_fname, '/');
    const char *soname = driver_soname(library);
    return strncmp(slash != NULL ? slash + 1 : object.dli_fname, soname, strlen(soname) - strlen(".1")) == 0;
}

/*
 * What a program gets for a hooked name. `driver` is the driver's function, `found` the real answer from our own place
 * in the search order.
 *
 * Another library's function that merely bears the same name is left alone. That of a second copy of the driver, loaded
 * by its path or by dlmopen, is refused: we hold what goes through the first one, and it would have no limit.
 */
static void *answer(const struct hook *hook, void *handle, void *driver, void *found) {
    if (found == NULL)
        return NULL;
    if (driver != NULL && (found == driver || handle == RTLD_NEXT))
        return hook_wrapper(hook);
    if (found == hook_wrapper(hook))
        return driver == NULL ? behind_us(driver_name(hook->function)) : found;
    return is_of_a_driver(found, hook->library) ? driver_missing(hook->function) : found;
}

/* The same where it was looked for in the driver itself, which most programs do, and need not be a second time. */
static void *driver_answer(const struct hook *hook, void *found) {
    if (found == NULL)
        return NULL;
    driver_remember(hook->function, found);
    return hook_wrapper(hook);
}

/* The driver is looked at before the real answer is asked for, so that dlerror() speaks of the latter. */
EXPORTED void *dlsym(void *restrict handle, const char *restrict name) {
    dlsym_fn *real = real_dlsym();
    const struct hook *hook = hook_named(name);
    if (hook == NULL)
        JUMP_TO(real(handle, name));
    if (driver_is_handle(hook->library, handle))
        return driver_answer(hook, real(handle, name));
    void *driver = driver_function_or_null(hook->function);
    if (handle == RTLD_NEXT && driver == NULL && !loaded_before_us(__builtin_return_address(0)))
        JUMP_TO(real(handle, name));
    return answer(hook, handle, driver, real(handle, name));
}

EXPORTED void *dlvsym(void *restrict handle, const char *restrict name, const char *restrict version) {
    dlvsym_fn *real = real_dlvsym();
    const struct hook *hook = hook_named(name);
    void *driver = hook != NULL ? driver_function_or_null(hook->function) : NULL;
    if (hook == NULL || (handle == RTLD_NEXT && driver == NULL && !loaded_before_us(__builtin_return_address(0))))
        JUMP_TO(real(handle, name, version));
    return answer(hook, handle, driver, real(handle, name, version));
}
