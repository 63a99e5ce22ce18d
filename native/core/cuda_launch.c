/* Kernels: a launch waits until the process may use the GPU. Graphs are in cuda_graph_memory.c. */
#include "core/compute.h"
#include "core/driver.h"

static uint64_t threads_of(unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,
                           unsigned int block_y, unsigned int block_z) {
    return (uint64_t)grid_x * grid_y * grid_z * block_x * block_y * block_z;
}

/* What programs call most begins with a line of the processor's cache: that saves more than half a nanosecond. */
__attribute__((aligned(64))) CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y,
                                                     unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                                                     unsigned int block_z, unsigned int shared, CUstream stream,
                                                     void **parameters, void **extra) {
    uint64_t threads = threads_of(grid_x, grid_y, grid_z, block_x, block_y, block_z);
    LAUNCH(function, threads, stream,
           DRIVER(cuLaunchKernel)(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream,
                                  parameters, extra));
}

CUresult cuLaunchKernel_ptsz(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                             unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared,
                             CUstream stream, void **parameters, void **extra) {
    uint64_t threads = threads_of(grid_x, grid_y, grid_z, block_x, block_y, block_z);
    LAUNCH(function, threads, or_own(stream),
           DRIVER(cuLaunchKernel_ptsz)(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream,
                                       parameters, extra));
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                   unsigned int block_x, unsigned int block_y, unsigned int block_z,
                                   unsigned int shared, CUstream stream, void **parameters) {
    uint64_t threads = threads_of(grid_x, grid_y, grid_z, block_x, block_y, block_z);
    LAUNCH(function, threads, stream,
           DRIVER(cuLaunchCooperativeKernel)(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared,
                                             stream, parameters));
}

CUresult cuLaunchCooperativeKernel_ptsz(CUfunction function, unsigned int grid_x, unsigned int grid_y,
                                        unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                                        unsigned int block_z, unsigned int shared, CUstream stream, void **parameters) {
    uint64_t threads = threads_of(grid_x, grid_y, grid_z, block_x, block_y, block_z);
    LAUNCH(function, threads, or_own(stream),
           DRIVER(cuLaunchCooperativeKernel_ptsz)(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared,
                                                  stream, parameters));
}

static uint64_t threads_of_config(const CUlaunchConfig *config) {
    return threads_of(config->gridDimX, config->gridDimY, config->gridDimZ, config->blockDimX, config->blockDimY,
                      config->blockDimZ);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra) {
    if (config == NULL)
        return DRIVER(cuLaunchKernelEx)(config, function, parameters, extra);
    LAUNCH(function, threads_of_config(config), config->hStream,
           DRIVER(cuLaunchKernelEx)(config, function, parameters, extra));
}

CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra) {
    if (config == NULL)
        return DRIVER(cuLaunchKernelEx_ptsz)(config, function, parameters, extra);
    LAUNCH(function, threads_of_config(config), or_own(config->hStream),
           DRIVER(cuLaunchKernelEx_ptsz)(config, function, parameters, extra));
}

/* Of those before CUDA 4 the function itself knows how large its blocks are. */
CUresult cuLaunch(CUfunction function) {
    LAUNCH(function, 1, NULL, DRIVER(cuLaunch)(function));
}

CUresult cuLaunchGrid(CUfunction function, int width, int height) {
    LAUNCH(function, (uint64_t)width * (uint64_t)height, NULL, DRIVER(cuLaunchGrid)(function, width, height));
}

CUresult cuLaunchGridAsync(CUfunction function, int width, int height, CUstream stream) {
    LAUNCH(function, (uint64_t)width * (uint64_t)height, stream,
           DRIVER(cuLaunchGridAsync)(function, width, height, stream));
}

#define MOST_DEVICES 64

/* Its stream is of the launch's own device, whichever context is current. */
static struct pass admit_on_its_device(const CUDA_LAUNCH_PARAMS *launch) {
    uint64_t threads = threads_of(launch->gridDimX, launch->gridDimY, launch->gridDimZ, launch->blockDimX,
                                  launch->blockDimY, launch->blockDimZ);
    return compute_admit(launch->function, threads, launch->hStream);
}

/* One after the other waits for its GPU; then all begin together. */
CUresult cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS *launches, unsigned int count, unsigned int flags) {
    struct pass passes[MOST_DEVICES];
    unsigned int known = launches != NULL && count <= MOST_DEVICES ? count : 0;
    for (unsigned int i = 0; i < known; i++)
        passes[i] = admit_on_its_device(&launches[i]);
    CUresult result = DRIVER(cuLaunchCooperativeKernelMultiDevice)(launches, count, flags);
    for (unsigned int i = 0; i < known; i++)
        (void)compute_launched(passes[i], result);
    return result;
}
