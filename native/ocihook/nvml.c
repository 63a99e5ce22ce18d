/* The functions of NVML that set limits, found in a library that is named by its path. */
#include "ocihook/nvml.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define UPDATE "update the driver to R615 or later, or let the claim ask for memoryEnforcement library"

static const struct {
    const char *symbol;
    size_t place; /* in struct nvml */
    bool is_new;  /* came with R615 */
} functions[] = {
    {"nvmlInit_v2", offsetof(struct nvml, init), false},
    {"nvmlDeviceGetHandleByUUID", offsetof(struct nvml, handle), false},
    {"nvmlErrorString", offsetof(struct nvml, error), false},
    {"nvmlDeviceSetMemoryLimits_v1", offsetof(struct nvml, set), true},
    {"nvmlDeviceGetMemoryLimits_v1", offsetof(struct nvml, get), true},
};

/* POSIX lets a function be found as an object's address, ISO C does not let one be made of the other. */
static bool find(void *library, const char *path, struct nvml *nvml, struct problem *problem) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *address = dlsym(library, functions[i].symbol);
        if (address == NULL)
            return functions[i].is_new
                       ? problem_is(problem,
                                    "this node's driver cannot limit the memory of a cgroup (%s has no %s): %s", path,
                                    functions[i].symbol, UPDATE)
                       : problem_is(problem, "%s is not NVIDIA's NVML: it has no %s", path, functions[i].symbol);
        memcpy((char *)nvml + functions[i].place, &address, sizeof address);
    }
    return true;
}

bool nvml_open(const char *path, struct nvml *nvml, struct problem *problem) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return problem_is(problem, "NVML cannot be loaded: %s: is NVIDIA's driver installed on the node?", dlerror());
    if (!find(library, path, nvml, problem))
        return false;
    nvmlReturn_t result = nvml->init();
    return result == NVML_SUCCESS || problem_is(problem,
                                                "NVML cannot be initialized: %s (%d): does nvidia-smi work on "
                                                "the node?",
                                                nvml->error(result), (int)result);
}
