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

struct function_row {
    const char *name;
    enum library library;
    void *missing; /* stands in where the driver has none */
};

#define MISSING_CUDA CUDA_ERROR_NOT_FOUND
#define MISSING_NVML NVML_ERROR_FUNCTION_NOT_FOUND

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define DEFINE_MISSING(library, name, parameters)                                                                      \
    static RESULT_##library missing_##name parameters {                                                                \
        return MISSING_##library;                                                                                      \
    }
#define HOOK(library, effect, name, base, since, stream, parameters) DEFINE_MISSING(library, name, parameters)
#define CALL(library, name, parameters)                              DEFINE_MISSING(library, name, parameters)
#include "core/hooks.def"
#undef HOOK
#undef CALL
#pragma GCC diagnostic pop

static const struct function_row functions[FUNCTION_COUNT] = {
#define HOOK(library, effect, name, base, since, stream, parameters) {#name, LIBRARY_##library, (void *)missing_##name},
#define CALL(library, name, parameters)                              {#name, LIBRARY_##library, (void *)missing_##name},
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
    const struct function_row *row = &functions[function];
    void *library = library_handle(row->library, RTLD_NOLOAD);
    if (library == NULL)
        return row->missing; /* not remembered: the program may load it yet */
    void *address = real_dlsym()(library, row->name);
    if (address == NULL)
        address = row->missing;
    driver_remember(function, address);
    return address;
}

void *driver_function(enum function function) {
    void *address = atomic_load_explicit(&found[function], memory_order_acquire);
    return address != NULL ? address : find(function);
}

void *driver_missing(enum function function) {
    return functions[function].missing;
}

const char *driver_soname(enum library library) {
    return sonames[library];
}

void *driver_function_or_null(enum function function) {
    void *address = driver_function(function);
    return address != functions[function].missing ? address : NULL;
}
