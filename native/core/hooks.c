/* The rows of hooks.def. */
#include "core/hooks.h"

#include "core/driver.h"

#include <stdbool.h>
#include <string.h>

#define STREAM_LEGACY     CU_GET_PROC_ADDRESS_LEGACY_STREAM
#define STREAM_PER_THREAD CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM

const struct hook hooks[] = {
#define HOOK(library, effect, name, base, since, stream, parameters)                                                   \
    {FUNCTION_##name, LIBRARY_##library, since, STREAM_##stream, sizeof #name - 1, sizeof #base - 1},
#define CALL(library, name, parameters)
#include "core/hooks.def"
#undef HOOK
#undef CALL
};

const int hook_count = sizeof hooks / sizeof *hooks;

static void *const wrappers[] = {
#define HOOK(library, effect, name, base, since, stream, parameters) (void *)name,
#define CALL(library, name, parameters)
#include "core/hooks.def"
#undef HOOK
#undef CALL
};

void *hook_wrapper(const struct hook *hook) {
    return wrappers[hook - hooks];
}

/* Nearly every name that a program looks up is none of ours: tell those apart by their first letters. Without strncmp,
 * which may be the very function that an interposer is looking for (objects.c). */
static bool may_be_ours(const char *name) {
    return (name[0] == 'c' && name[1] == 'u') || (name[0] == 'n' && name[1] == 'v');
}

const struct hook *hook_named(const char *name) {
    if (!may_be_ours(name))
        return NULL;
    size_t length = strlen(name);
    for (int i = 0; i < hook_count; i++)
        if (hooks[i].name_length == length && memcmp(driver_name(hooks[i].function), name, length) == 0)
            return &hooks[i];
    return NULL;
}
