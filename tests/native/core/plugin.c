/* A library that uses the driver, as plugins of CUDA programs do: it is linked to it, and looks functions up in it. */
#include <dlfcn.h>
#include <stddef.h>

int cuMemAlloc_v2(void);
void *plugin_linked(void);
void *plugin_looked_up(void);

void *plugin_linked(void) {
    return (void *)cuMemAlloc_v2;
}

void *plugin_looked_up(void) {
    return dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuMemAlloc_v2");
}
