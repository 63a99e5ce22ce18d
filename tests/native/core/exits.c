/*
 * A CUDA program that ends while the GPU works for it, and takes its time to: its own exit handler runs after the
 * driver's, as those of libraries do that were loaded before the driver was initialized, and calls it, as some do. It
 * has freed memory behind that work, and looks at what NVML says, which lives longer.
 *
 * Usage: exits KERNEL_NS LAUNCHES LINGER_MS
 *
 * Prints a line when it begins to linger.
 */
#include "abi/cuda.h"
#include "abi/nvml.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_MS 1000000
#define MS_PER_S  1000

#define FUNCTIONS(X)                                                                                                   \
    X(cuInit, (unsigned int))                                                                                          \
    X(cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                                               \
    X(cuDevicePrimaryCtxRelease_v2, (CUdevice))                                                                        \
    X(cuCtxSetCurrent, (CUcontext))                                                                                    \
    X(cuMemAlloc_v2, (CUdeviceptr *, size_t))                                                                          \
    X(cuMemFreeAsync, (CUdeviceptr, CUstream))                                                                         \
    X(cuModuleLoadData, (CUmodule *, const void *))                                                                    \
    X(cuModuleGetFunction, (CUfunction *, CUmodule, const char *))                                                     \
    X(cuLaunchKernel,                                                                                                  \
      (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **))

#define DECLARE(name, parameters) static CUresult(*name) parameters;
FUNCTIONS(DECLARE)

static nvmlReturn_t (*nvmlDeviceGetMemoryInfo)(nvmlDevice_t, nvmlMemory_t *);
static nvmlDevice_t device;

static void find_device(void) {
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    nvmlReturn_t (*nvmlInit_v2)(void) = dlsym(library, "nvmlInit_v2");
    nvmlReturn_t (*get)(unsigned int, nvmlDevice_t *) = dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
    nvmlDeviceGetMemoryInfo = dlsym(library, "nvmlDeviceGetMemoryInfo");
    if (nvmlInit_v2() != NVML_SUCCESS || get(0, &device) != NVML_SUCCESS)
        _Exit(1);
}

static const char ptx[] = ".version 8.0\n.target sm_80\n.address_size 64\n"
                          ".visible .entry busy(.param .u64 ns) { .pragma \"hami-sim argument=0\"; ret; }\n";

/* What they point to is in use to the very end. */
static CUcontext context;
static CUmodule module;
static CUfunction function;

static void must(CUresult result, const char *what) {
    if (result == CUDA_SUCCESS)
        return;
    fprintf(stderr, "%s: %d\n", what, result);
    _Exit(1);
}

static long linger_ms;

static void linger(void) {
    nvmlMemory_t memory;
    puts("lingers");
    fflush(stdout);
    nanosleep(&(struct timespec){linger_ms / MS_PER_S, linger_ms % MS_PER_S * NS_PER_MS}, NULL);
    if (nvmlDeviceGetMemoryInfo(device, &memory) != NVML_SUCCESS)
        _Exit(1);
    if (cuDevicePrimaryCtxRelease_v2(0) != CUDA_ERROR_DEINITIALIZED)
        _Exit(1);
}

int main(int argc, char **argv) {
    atexit(linger);
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (argc != 4 || library == NULL)
        return 2;
    linger_ms = atol(argv[3]);
#define FIND(name, parameters) name = dlsym(library, #name);
    FUNCTIONS(FIND)
    uint64_t kernel_ns = strtoull(argv[1], NULL, 10);
    void *parameters[] = {&kernel_ns};
    CUdeviceptr memory;
    find_device();
    must(cuInit(0), "cuInit");
    must(cuDevicePrimaryCtxRetain(&context, 0), "cuDevicePrimaryCtxRetain");
    must(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    must(cuModuleLoadData(&module, ptx), "cuModuleLoadData");
    must(cuModuleGetFunction(&function, module, "busy"), "cuModuleGetFunction");
    for (int i = 0; i < atoi(argv[2]); i++)
        must(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, NULL, parameters, NULL), "a launch");
    must(cuMemAlloc_v2(&memory, 1), "cuMemAlloc");
    must(cuMemFreeAsync(memory, NULL), "cuMemFreeAsync");
    return 0;
}
