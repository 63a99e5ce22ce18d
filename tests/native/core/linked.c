/*
 * How dlsym and dlvsym answer: prints one `question answer` per line, where the answer is whose function came.
 *
 * Usage: linked [LIBCUDA local|global]: which driver to load and how, none without. The program is linked to
 * libforeign.so, which has a function of a driver's name.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define NAME    "cuMemAlloc_v2"
#define FOREIGN "cuMemGetInfo_v2"

int cuMemGetInfo_v2(void);

static const char *file_name(const char *path) {
    const char *name = path;
    for (; *path != '\0'; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

static void show(const char *question, void *address) {
    Dl_info object;
    printf("%s %s\n", question, address != NULL && dladdr(address, &object) != 0 ? file_name(object.dli_fname) : "-");
}

static void show_error(const char *question) {
    printf("%s %s\n", question, dlerror() != NULL ? "error" : "-");
}

int main(int count, char **arguments) {
    int scope = count > 2 && strcmp(arguments[2], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;
    void *driver = count > 2 ? dlopen(arguments[1], RTLD_NOW | scope) : NULL;
    void *foreign = dlopen("libforeign.so", RTLD_NOW);
    void *program = dlopen(NULL, RTLD_NOW);
    dlerror();
    if (driver != NULL) {
        show("handle", dlsym(driver, NAME));
        show_error("handle-error");
        show("handle-unhooked", dlsym(driver, "cuInit"));
        show("handle-version", dlvsym(driver, NAME, "ANY"));
        show("handle-absent", dlsym(driver, "cuMemCreate"));
        show_error("handle-absent-error");
    }
    show("default", dlsym(RTLD_DEFAULT, NAME));
    show("default-version", dlvsym(RTLD_DEFAULT, NAME, "ANY"));
    show("program", dlsym(program, NAME));
    show("next", dlsym(RTLD_NEXT, NAME));
    show("next-again", dlsym(RTLD_NEXT, NAME));
    show("next-unhooked", dlsym(RTLD_NEXT, "printf"));
    show("next-version", dlvsym(RTLD_NEXT, "pthread_create", "GLIBC_2.2.5"));
    show("foreign", dlsym(foreign, FOREIGN));
    show("absent", dlsym(RTLD_DEFAULT, "no_such_function"));
    show_error("absent-error");
    return 0;
}
