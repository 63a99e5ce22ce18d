/* A library that uses the driver, as plugins of CUDA programs do: it is linked to it, and looks functions up in it. */
#include "abi/cuda.h"

#include <dlfcn.h>
#include <stddef.h>

CUresult cuInit(unsigned int flags);
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device);
CUresult cuCtxSetCurrent(CUcontext context);
CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes);

void *plugin_linked(void);
void *plugin_looked_up(void);
int plugin_allocates(size_t bytes);

void *plugin_linked(void) {
    return (void *)cuMemAlloc_v2;
}

void *plugin_looked_up(void) {
    return dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuMemAlloc_v2");
}

/* In a primary context that lasts. */
int plugin_allocates(size_t bytes) {
    CUcontext context;
    CUdeviceptr address;
    CUresult result = cuInit(0);
    if (result == CUDA_SUCCESS)
        result = cuDevicePrimaryCtxRetain(&context, 0);
    if (result == CUDA_SUCCESS)
        result = cuCtxSetCurrent(context);
    return result == CUDA_SUCCESS ? cuMemAlloc_v2(&address, bytes) : result;
}
