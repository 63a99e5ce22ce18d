/*
 * A program that was not linked with libdl, and calls dlsym if there is one, as some that can be linked statically do.
 *
 * Prints `libdl` if that library is loaded nevertheless, and `finds` if dlsym finds a function of the C library.
 */
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Without dlfcn.h, which does not declare it as weak. */
extern void *dlsym(void *handle, const char *name) __attribute__((weak));

static int show_libdl(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size, (void)data;
    if (strstr(object->dlpi_name, "/libdl.so") != NULL)
        puts("libdl");
    return 0;
}

int main(void) {
    dl_iterate_phdr(show_libdl, NULL);
    if (dlsym != NULL && dlsym(NULL, "printf") != NULL)
        puts("finds");
    return 0;
}
