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

#define EXPORTED      __attribute__((visibility("default")))
#define JUMP_TO(call) __attribute__((musttail)) return call

static void *cached(_Atomic(void *) *cache, const char *name) {
    void *address = atomic_load_explicit(cache, memory_order_relaxed);
    if (address == NULL) {
        address = next_symbol(name);
        atomic_store_explicit(cache, address, memory_order_relaxed);
    }
    return address;
}

dlsym_fn *real_dlsym(void) {
    static _Atomic(void *) cache;
    return (dlsym_fn *)cached(&cache, "dlsym");
}

dlvsym_fn *real_dlvsym(void) {
    static _Atomic(void *) cache;
    return (dlvsym_fn *)cached(&cache, "dlvsym");
}

/* For our own export, seen by RTLD_DEFAULT although the driver has no such function: what would be seen without us. */
static void *behind_us(const char *name) {
    void *found = real_dlsym()(RTLD_NEXT, name);
    __asm__ volatile("" : "+r"(found)); /* keeps the call from becoming a jump: the return address must be ours */
    return found;
}

/*
 * What a program gets for a hooked name. `driver` is the driver's function, `found` the real answer from our own place
 * in the search order. Another library's function that merely bears the same name is left alone.
 */
static void *answer(const struct hook *hook, void *handle, void *driver, void *found) {
    if (found == NULL)
        return NULL;
    if (driver != NULL && (found == driver || handle == RTLD_NEXT))
        return hook->wrapper;
    return driver == NULL && found == hook->wrapper ? behind_us(hook->name) : found;
}

/* The driver is looked at before the real answer is asked for, so that dlerror() speaks of the latter. */
EXPORTED void *dlsym(void *restrict handle, const char *restrict name) {
    dlsym_fn *real = real_dlsym();
    const struct hook *hook = hook_named(name);
    void *driver = hook != NULL ? driver_function_or_null(hook->function) : NULL;
    if (hook == NULL || (handle == RTLD_NEXT && driver == NULL && !loaded_before_us(__builtin_return_address(0))))
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
