/*
 * cuGetProcAddress: the driver decides which function a name, version and stream mean; we only exchange it for ours.
 *
 * Which of our rows the driver's answer is, it tells us itself: it is the function that it exports under the row's
 * name; or, asked for the row's base name with the version that introduced it and the row's kind of stream, it gives
 * the same address. The newest row comes first: a driver that answers all versions of a name alike means that one.
 */
#include "core/driver.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void *ask_driver(const struct hook *hook) {
    void *address = NULL;
    char base[DRIVER_NAME_SIZE];
    snprintf(base, sizeof base, "%.*s", (int)hook->base_length, driver_name(hook->function));
    CUdriverProcAddressQueryResult status;
    CUresult result;
    if (driver_function_or_null(FUNCTION_cuGetProcAddress_v2) != NULL)
        result = DRIVER(cuGetProcAddress_v2)(base, &address, hook->since, hook->stream, &status);
    else
        result = DRIVER(cuGetProcAddress)(base, &address, hook->since, hook->stream);
    return result == CUDA_SUCCESS ? address : NULL;
}

static bool exports(const struct hook *hook, void *address) {
    return address == driver_function_or_null(hook->function);
}

static bool means(const struct hook *hook, void *address) {
    static _Atomic(void *) answers[FUNCTION_COUNT];
    void *answer = atomic_load_explicit(&answers[hook->function], memory_order_relaxed);
    if (answer == NULL) {
        answer = ask_driver(hook);
        atomic_store_explicit(&answers[hook->function], answer, memory_order_relaxed);
    }
    return address == answer;
}

/* Names are compared as well: a linker may have given two unrelated functions of equal code one address. */
static const struct hook *find(const char *symbol, void *address, bool (*is)(const struct hook *hook, void *address)) {
    for (int i = hook_count - 1; i >= 0; i--) {
        const struct hook *hook = &hooks[i];
        bool has_base = strncmp(symbol, driver_name(hook->function), hook->base_length) == 0;
        if (hook->library == LIBRARY_CUDA && has_base && is(hook, address))
            return hook;
    }
    return NULL;
}

static void exchange(const char *symbol, void **function) {
    const struct hook *hook = find(symbol, *function, exports);
    if (hook == NULL)
        hook = find(symbol, *function, means);
    if (hook != NULL)
        *function = hook_wrapper(hook);
}

CUresult cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags) {
    CUresult result = DRIVER(cuGetProcAddress)(symbol, function, version, flags);
    if (result == CUDA_SUCCESS && *function != NULL)
        exchange(symbol, function);
    return result;
}

CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags,
                             CUdriverProcAddressQueryResult *status) {
    CUresult result = DRIVER(cuGetProcAddress_v2)(symbol, function, version, flags, status);
    if (result == CUDA_SUCCESS && *function != NULL)
        exchange(symbol, function);
    return result;
}
