/*
 * Ways to load the driver, or a library that uses it: prints one `question answer` per line, where the answer is whose
 * cuMemAlloc_v2 came, and what it returns where it is called.
 *
 * Usage: loading deepbind|inside|namespace|copy PATH: the plugin with RTLD_DEEPBIND, the plugin in a namespace of its
 * own, the driver in one, a second driver.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME "cuMemAlloc_v2"

typedef int allocate_fn(uint64_t *address, size_t bytes);
typedef void *plugin_fn(void);
typedef int plugin_allocates_fn(size_t bytes);

static void show(const char *question, void *address) {
    Dl_info object;
    const char *path = address != NULL && dladdr(address, &object) != 0 ? object.dli_fname : "-";
    const char *slash = strrchr(path, '/');
    printf("%s %s\n", question, slash != NULL ? slash + 1 : path);
}

static int show_plugin(void *plugin) {
    if (plugin == NULL)
        return 1;
    show("linked", ((plugin_fn *)dlsym(plugin, "plugin_linked"))());
    show("looked-up", ((plugin_fn *)dlsym(plugin, "plugin_looked_up"))());
    for (size_t mib = 1025; mib >= 1024; mib--)
        printf("%zu %d\n", mib, ((plugin_allocates_fn *)dlsym(plugin, "plugin_allocates"))(mib << 20));
    return 0;
}

static int show_driver(void *driver) {
    uint64_t address;
    void *allocate = driver != NULL ? dlsym(driver, NAME) : NULL;
    if (allocate == NULL)
        return 1;
    show("found", allocate);
    printf("called %d\n", ((allocate_fn *)allocate)(&address, 1));
    show("other", dlsym(driver, "cuInit"));
    return 0;
}

int main(int count, char **arguments) {
    if (count != 3)
        return 2;
    if (strcmp(arguments[1], "deepbind") == 0)
        return show_plugin(dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND));
    if (strcmp(arguments[1], "inside") == 0)
        return show_plugin(dlmopen(LM_ID_NEWLM, arguments[2], RTLD_NOW));
    if (strcmp(arguments[1], "namespace") == 0)
        return show_driver(dlmopen(LM_ID_NEWLM, arguments[2], RTLD_NOW));
    dlopen("libcuda.so.1", RTLD_NOW);
    return show_driver(dlopen(arguments[2], RTLD_NOW));
}
