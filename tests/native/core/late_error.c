/*
 * Stands between libvgpu.so and the driver. When a context ends it says that a launch has failed, as drivers may say of
 * an earlier one in any call that comes after: the context has ended all the same.
 */
#include <dlfcn.h>
#include <string.h>

#define LAUNCH_FAILED 719

#ifdef __x86_64__
#define OLDEST "GLIBC_2.2.5"
#else
#define OLDEST "GLIBC_2.17"
#endif

typedef void *dlsym_fn(void *handle, const char *name);

static int (*destroy)(void *context);
static int (*reset)(int device);

static int destroy_late(void *context) {
    int result = destroy(context);
    return result != 0 ? result : LAUNCH_FAILED;
}

static int reset_late(int device) {
    int result = reset(device);
    return result != 0 ? result : LAUNCH_FAILED;
}

void *dlsym(void *restrict handle, const char *restrict name) {
    void *found = ((dlsym_fn *)dlvsym(RTLD_NEXT, "dlsym", OLDEST))(handle, name);
    if (found != NULL && strcmp(name, "cuCtxDestroy_v2") == 0) {
        destroy = (int (*)(void *))found;
        return (void *)destroy_late;
    }
    if (found != NULL && strcmp(name, "cuDevicePrimaryCtxReset_v2") == 0) {
        reset = (int (*)(int))found;
        return (void *)reset_late;
    }
    return found;
}
