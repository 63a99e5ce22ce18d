/* What hooks.def says, as C: names, types, wrappers and rows. */
#ifndef HAMI_CORE_HOOKS_H
#define HAMI_CORE_HOOKS_H

#include "abi/cuda.h"
#include "abi/nvml.h"

enum library { LIBRARY_CUDA, LIBRARY_NVML, LIBRARY_COUNT };

#define RESULT_CUDA CUresult
#define RESULT_NVML nvmlReturn_t

/* FUNCTION_cuMemAlloc_v2 and so on: every function of the table. */
enum function {
#define HOOK(library, effect, name, base, since, stream, parameters) FUNCTION_##name,
#define CALL(library, name, parameters)                              FUNCTION_##name,
#include "core/hooks.def"
#undef HOOK
#undef CALL
    FUNCTION_COUNT
};

/* cuMemAlloc_v2_fn and so on: their types. */
#define HOOK(library, effect, name, base, since, stream, parameters) typedef RESULT_##library name##_fn parameters;
#define CALL(library, name, parameters)                              typedef RESULT_##library name##_fn parameters;
#include "core/hooks.def"
#undef HOOK
#undef CALL

/* Our own versions of the intercepted ones, which programs are given in place of the driver's. */
#define HOOK(library, effect, name, base, since, stream, parameters)                                                   \
    __attribute__((visibility("default"))) name##_fn name;
#define CALL(library, name, parameters)
#include "core/hooks.def"
#undef HOOK
#undef CALL

struct hook {
    enum function function;
    enum library library;
    int since;
    uint64_t stream; /* flag of cuGetProcAddress */
    unsigned short name_length;
    unsigned short base_length; /* of what a program asks cuGetProcAddress for: every name begins with its base */
};

extern const struct hook hooks[];
extern const int hook_count;

/* What a program is given in its place. */
void *hook_wrapper(const struct hook *hook);

/* The row of an exported name, or NULL if we do not intercept it. */
const struct hook *hook_named(const char *name);

#endif
