/*
 * The driver's own functions, in the libraries that the program itself has loaded.
 *
 * Only a library that is already there is looked at: a program that finds no CUDA without us must find none with us.
 */
#include "core/driver.h"

#include "core/cold.h"
#include "core/real_dl.h"

#include <dlfcn.h>
#include <stdatomic.h>

static const char *const sonames[LIBRARY_COUNT] = {
    [LIBRARY_CUDA] = "libcuda.so.1",
    [LIBRARY_NVML] = "libnvidia-ml.so.1",
};

/* Text, not pointers to it: of each address in a table the loader makes a new one in every process that we are loaded
 * into. */
static const char names[FUNCTION_COUNT][DRIVER_NAME_SIZE] = {
#define HOOK(library, effect, name, base, since, stream, parameters) #name,
#define CALL(library, name, parameters)                              #name,
#include "core/hooks.def"
#undef HOOK
#undef CALL
};

static const unsigned char library_of[FUNCTION_COUNT] = {
#define HOOK(library, effect, name, base, since, stream, parameters) LIBRARY_##library,
#define CALL(library, name, parameters)                              LIBRARY_##library,
#include "core/hooks.def"
#undef HOOK
#undef CALL
};

#define MISSING_CUDA CUDA_ERROR_NOT_FOUND
#define MISSING_NVML NVML_ERROR_FUNCTION_NOT_FOUND

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define DEFINE_MISSING(library, name, parameters)                                                                      \
    _Static_assert(sizeof #name <= DRIVER_NAME_SIZE, "its end is needed");                                             \
    static RESULT_##library missing_##name parameters {                                                                \
        return MISSING_##library;                                                                                      \
    }
#define HOOK(library, effect, name, base, since, stream, parameters) DEFINE_MISSING(library, name, parameters)
#define CALL(library, name, parameters)                              DEFINE_MISSING(library, name, parameters)
#include "core/hooks.def"
#undef HOOK
#undef CALL
#pragma GCC diagnostic pop

/* Stand in where the driver has none. */
static void *const missing[FUNCTION_COUNT] = {
#define HOOK(library, effect, name, base, since, stream, parameters) (void *)missing_##name,
#define CALL(library, name, parameters)                              (void *)missing_##name,
#include "core/hooks.def"
#undef HOOK
#undef CALL
};

static _Atomic(void *) libraries[LIBRARY_COUNT];
static _Atomic(void *) found[FUNCTION_COUNT];

/* The handle is kept for good: what we have looked up must not be unmapped under us. */
static void *library_handle(enum library library, int load_flag) {
    void *handle = atomic_load_explicit(&libraries[library], memory_order_acquire);
    if (handle == NULL) {
        handle = dlopen(sonames[library], RTLD_LAZY | RTLD_LOCAL | load_flag);
        atomic_store_explicit(&libraries[library], handle, memory_order_release);
    }
    return handle;
}

bool driver_load(enum library library) {
    return library_handle(library, 0) != NULL;
}

bool driver_is_handle(enum library library, const void *handle) {
    return handle != NULL && handle == library_handle(library, RTLD_NOLOAD);
}

void driver_remember(enum function function, void *address) {
    atomic_store_explicit(&found[function], address, memory_order_release);
}

static COLD void *find(enum function function) {
    void *library = library_handle(library_of[function], RTLD_NOLOAD);
    if (library == NULL)
        return missing[function]; /* not remembered: the program may load it yet */
    void *address = real_dlsym()(library, names[function]);
    if (address == NULL)
        address = missing[function];
    driver_remember(function, address);
    return address;
}

void *driver_function(enum function function) {
    void *address = atomic_load_explicit(&found[function], memory_order_acquire);
    return address != NULL ? address : find(function);
}

void *driver_missing(enum function function) {
    return missing[function];
}

const char *driver_name(enum function function) {
    return names[function];
}

const char *driver_soname(enum library library) {
    return sonames[library];
}

void *driver_function_or_null(enum function function) {
    void *address = driver_function(function);
    return address != missing[function] ? address : NULL;
}
