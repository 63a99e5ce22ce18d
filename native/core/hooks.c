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

/* Many names are equally long and begin alike. How they end tells nearly all of them apart. */
#define END                                                          8
#define HOOK(library, effect, name, base, since, stream, parameters) _Static_assert(sizeof #name > END, "it has one");
#define CALL(library, name, parameters)
#include "core/hooks.def"
#undef HOOK
#undef CALL

static bool is_named(const struct hook *hook, const char *name, size_t length) {
    const char *own = driver_name(hook->function);
    return hook->name_length == length && memcmp(own + length - END, name + length - END, END) == 0 &&
           memcmp(own, name, length) == 0;
}

const struct hook *hook_named(const char *name) {
    size_t length = may_be_ours(name) ? strlen(name) : 0;
    if (length < END)
        return NULL;
    for (int i = 0; i < hook_count; i++)
        if (is_named(&hooks[i], name, length))
            return &hooks[i];
    return NULL;
}
