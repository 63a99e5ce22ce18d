/*
 * Stands in front of functions of the C library, as sanitizers and allocators do: when it is loaded it asks dlsym for
 * the ones behind, and until it has them its own do not work.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#define FUNCTIONS(DO)                                                                                                  \
    DO(int, strcmp, (const char *one, const char *other), (one, other))                                                \
    DO(int, strncmp, (const char *one, const char *other, size_t length), (one, other, length))                        \
    DO(size_t, strlen, (const char *text), (text))                                                                     \
    DO(int, dl_iterate_phdr, (int (*visit)(struct dl_phdr_info *, size_t, void *), void *data), (visit, data))

#define DEFINE(type, name, parameters, arguments)                                                                      \
    static type(*real_##name) parameters;                                                                              \
    type name parameters {                                                                                             \
        if (real_##name == NULL)                                                                                       \
            abort();                                                                                                   \
        return real_##name arguments;                                                                                  \
    }
FUNCTIONS(DEFINE)

__attribute__((constructor)) static void find_real_functions(void) {
#define FIND(type, name, parameters, arguments) real_##name = (type(*) parameters)dlsym(RTLD_NEXT, #name);
    FUNCTIONS(FIND)
}
