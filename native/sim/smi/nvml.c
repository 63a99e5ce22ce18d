/* Finds NVML's library and its functions. */
#include "sim/smi/nvml.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libnvidia-ml.so.1"

struct nvml nvml;

/* The library of the driver root that this program is part of, if it is not in "/": the system's loader does not look
 * there. Everywhere else the name is enough, as for any program. */
static void *load_of_own_root(void) {
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length < 0)
        return NULL;
    path[length] = '\0';
    char *root_end = strstr(path, "/usr/bin/nvidia-smi");
    if (root_end == NULL || root_end == path || root_end + 64 > path + sizeof(path))
        return NULL;
#if defined(__aarch64__)
    strcpy(root_end, "/usr/lib/aarch64-linux-gnu/" LIBRARY);
#else
    strcpy(root_end, "/usr/lib/x86_64-linux-gnu/" LIBRARY);
#endif
    return dlopen(path, RTLD_NOW);
}

int nvml_failed(const char *what, nvmlReturn_t result) {
    printf("Unable to %s: %s\n", what, nvml.error_string(result));
    return result == NVML_ERROR_DRIVER_NOT_LOADED ? 9 : 255;
}

int nvml_load(void) {
    void *library = load_of_own_root();
    if (library == NULL)
        library = dlopen(LIBRARY, RTLD_NOW);
    if (library == NULL) {
        printf("NVIDIA-SMI couldn't find %s library in your system. Please make sure that the NVIDIA driver is "
               "properly installed: %s\n",
               LIBRARY, dlerror());
        return 12;
    }
#define FIND(member, symbol, arguments) nvml.member = (nvmlReturn_t(*) arguments)dlsym(library, #symbol);
    SMI_FUNCTIONS(FIND)
#undef FIND
    nvml.error_string = (const char *(*)(nvmlReturn_t))dlsym(library, "nvmlErrorString");
#define MISSING(member, symbol, arguments) || nvml.member == NULL
    if (nvml.error_string == NULL SMI_FUNCTIONS(MISSING)) {
        printf("%s lacks a function that nvidia-smi needs\n", LIBRARY);
        return 13;
    }
#undef MISSING
    nvmlReturn_t result = nvml.init();
    return result == NVML_SUCCESS ? 0 : nvml_failed("initialize NVML", result);
}
