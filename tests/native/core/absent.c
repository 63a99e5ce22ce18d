/*
 * Calls every intercepted function, as a program does that the loader bound to ours, and prints `library name result`.
 *
 * Usage: absent [LIBCUDA]: which driver to load first, none without. All arguments are 0.
 */
#include "core/hooks.h"

#include <dlfcn.h>
#include <stdio.h>

typedef int any_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

int main(int count, char **arguments) {
    if (count > 1 && dlopen(arguments[1], RTLD_NOW) == NULL)
        return 3;
    any_fn *function;
#define HOOK(library, effect, name, base, since, stream, parameters)                                                   \
    function = (any_fn *)(void *)name;                                                                                 \
    printf("%s %s %d\n", #library, #name, function(0, 0, 0, 0, 0, 0));                                                 \
    fflush(stdout);
#define CALL(library, name, parameters)
#include "core/hooks.def"
    return 0;
}
