/* Takes all memory that the driver gives, on each GPU that it has, however it is kept from that.
 *
 * Usage: take plain|by-hand|dlmopen LIBCUDA
 *   plain    loads the driver's library by its path, and asks the loader for its functions
 *   by-hand  the same, but finds the functions in the library itself
 *   dlmopen  by hand in a second copy of the library, in a namespace of its own
 * Prints for each GPU its UUID, the bytes taken, and the bytes that cuMemGetInfo shows as total before. It keeps them
 * until its standard input ends.
 */
#include "symbols.h"

#include "abi/cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST  ((size_t)1 << 30)
#define SMALLEST ((size_t)512) /* what a driver allocates at least */

static struct {
    CUresult (*init)(unsigned int flags);
    CUresult (*count)(int *count);
    CUresult (*device)(CUdevice *device, int ordinal);
    CUresult (*uuid)(CUuuid *uuid, CUdevice device);
    CUresult (*context)(CUcontext *context, unsigned int flags, CUdevice device);
    CUresult (*info)(size_t *available, size_t *total);
    CUresult (*allocate)(CUdeviceptr *pointer, size_t size);
} cuda;

static const struct {
    const char *name;
    void *place;
} functions[] = {
    {"cuInit", &cuda.init},
    {"cuDeviceGetCount", &cuda.count},
    {"cuDeviceGet", &cuda.device},
    {"cuDeviceGetUuid", &cuda.uuid},
    {"cuCtxCreate_v2", &cuda.context},
    {"cuMemGetInfo_v2", &cuda.info},
    {"cuMemAlloc_v2", &cuda.allocate},
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "take: %s: %s\n", what, why);
    exit(1);
}

static void find_functions(const char *how, const char *path) {
    void *library = strcmp(how, "dlmopen") == 0 ? dlmopen(LM_ID_NEWLM, path, RTLD_NOW) : dlopen(path, RTLD_NOW);
    if (library == NULL)
        fail(path, dlerror());
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const char *name = functions[i].name;
        void *found = strcmp(how, "plain") == 0 ? dlsym(library, name) : symbol_of(library, name);
        if (found == NULL)
            fail(path, name);
        memcpy(functions[i].place, &found, sizeof found);
    }
}

static void expect(CUresult result, const char *what) {
    char number[16];
    snprintf(number, sizeof number, "%d", (int)result);
    if (result != CUDA_SUCCESS)
        fail(what, number);
}

static size_t take_all(void) {
    size_t taken = 0;
    CUdeviceptr pointer;
    for (size_t size = LARGEST; size >= SMALLEST; size /= 2)
        while (cuda.allocate(&pointer, size) == CUDA_SUCCESS)
            taken += size;
    return taken;
}

static void print_uuid(const CUuuid *uuid) {
    printf("GPU-");
    for (int i = 0; i < 16; i++)
        printf(i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", (unsigned char)uuid->bytes[i]);
}

static void take_of(int ordinal) {
    CUdevice device;
    CUuuid uuid;
    CUcontext context;
    size_t available, total;
    expect(cuda.device(&device, ordinal), "cuDeviceGet");
    expect(cuda.uuid(&uuid, device), "cuDeviceGetUuid");
    expect(cuda.context(&context, 0, device), "cuCtxCreate");
    expect(cuda.info(&available, &total), "cuMemGetInfo");
    print_uuid(&uuid);
    printf(" %zu %zu\n", take_all(), total);
    fflush(stdout);
}

int main(int arguments, char **argument) {
    int count;
    if (arguments != 3)
        fail("usage", "take plain|by-hand|dlmopen LIBCUDA");
    find_functions(argument[1], argument[2]);
    expect(cuda.init(0), "cuInit");
    expect(cuda.count(&count), "cuDeviceGetCount");
    for (int i = 0; i < count; i++)
        take_of(i);
    while (getchar() != EOF)
        continue;
    return 0;
}
