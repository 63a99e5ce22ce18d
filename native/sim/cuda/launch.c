/* Launches of kernels. What a kernel computes is not simulated, only the time that its device takes for it. */
#include "sim/cuda/launch.h"

#include "sim/cuda/function.h"
#include "sim/cuda/graph.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

#include <string.h>

static bool is_shape(const unsigned grid[3], const unsigned block[3], int most_threads) {
    for (int i = 0; i < 3; i++)
        if (grid[i] == 0 || block[i] == 0)
            return false;
    return (uint64_t)block[0] * block[1] <= (uint64_t)most_threads &&
           (uint64_t)block[0] * block[1] * block[2] <= (uint64_t)most_threads;
}

/* The buffer among the extra options, with its size; false if they are none that the driver knows. */
static bool read_extra(void **extra, const unsigned char **buffer, size_t *size) {
    for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
        if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER)
            *buffer = extra[1];
        else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE)
            *size = *(const size_t *)extra[1];
        else
            return false;
    }
    return true;
}

/* Reads the argument that says how long the kernel takes. */
static CUresult read_argument(const struct launch *launch, uint64_t *value) {
    const struct ptx_kernel *kernel = &launch->function->kernel;
    const unsigned char *buffer = NULL;
    size_t size = 0;
    if (kernel->parameter_count == 0)
        return CUDA_SUCCESS;
    if ((launch->parameters == NULL) == (launch->extra == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    if (launch->extra != NULL && !read_extra(launch->extra, &buffer, &size))
        return CUDA_ERROR_INVALID_VALUE;
    if (kernel->argument == PTX_NO_ARGUMENT)
        return CUDA_SUCCESS;
    const struct ptx_parameter *parameter = &kernel->parameters[kernel->argument];
    if (launch->parameters != NULL)
        memcpy(value, launch->parameters[kernel->argument], sizeof(*value));
    else if (buffer == NULL || parameter->offset + sizeof(*value) > size)
        return CUDA_ERROR_INVALID_VALUE;
    else
        memcpy(value, buffer + parameter->offset, sizeof(*value));
    return CUDA_SUCCESS;
}

CUresult launch_cost(const struct launch *launch, uint64_t *ns) {
    uint64_t argument = 0;
    if (!function_is(launch->function))
        return CUDA_ERROR_INVALID_HANDLE;
    int most_threads = launch->function->attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK];
    if (!is_shape(launch->grid, launch->block, most_threads))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = read_argument(launch, &argument);
    uint64_t blocks = (uint64_t)launch->grid[0] * launch->grid[1];
    if (__builtin_mul_overflow(blocks, launch->grid[2], &blocks))
        return CUDA_ERROR_INVALID_VALUE;
    *ns = ptx_cost(&launch->function->kernel, blocks, argument);
    return result;
}

/* Into a stream that is captured: adds the launch to its graph. */
static CUresult capture(const struct launch *launch, CUgraph graph) {
    uint64_t ns;
    if (graph == NULL)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    CUresult result = launch_cost(launch, &ns);
    return result != CUDA_SUCCESS
               ? result
               : graph_add(graph, (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_KERNEL, .ns = ns}, NULL);
}

static CUresult run(const struct launch *launch, CUstream stream) {
    struct timeline *timeline;
    uint64_t ns;
    CUresult result = stream_timeline(stream, &timeline);
    if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)
        return capture(launch, stream_graph(stream));
    if (result == CUDA_SUCCESS)
        result = launch_cost(launch, &ns);
    return result != CUDA_SUCCESS ? result : timeline_put(timeline, ns);
}

CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                        unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes,
                        CUstream stream, void **parameters, void **extra) {
    (void)shared_bytes;
    struct launch launch = {function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, parameters, extra};
    return run(&launch, stream);
}

CUresult cuLaunchKernel_ptsz(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                             unsigned int block_x, unsigned int block_y, unsigned int block_z,
                             unsigned int shared_bytes, CUstream stream, void **parameters, void **extra) {
    return cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes,
                          stream_or_own(stream), parameters, extra);
}

/* Attributes say how blocks are placed and ordered, which makes no difference here. */
static CUresult run_config(const CUlaunchConfig *config, CUstream stream, CUfunction function, void **parameters,
                           void **extra) {
    struct launch launch = {function,
                            {config->gridDimX, config->gridDimY, config->gridDimZ},
                            {config->blockDimX, config->blockDimY, config->blockDimZ},
                            parameters,
                            extra};
    return run(&launch, stream);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra) {
    return config == NULL ? CUDA_ERROR_INVALID_VALUE : run_config(config, config->hStream, function, parameters, extra);
}

CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra) {
    return config == NULL ? CUDA_ERROR_INVALID_VALUE
                          : run_config(config, stream_or_own(config->hStream), function, parameters, extra);
}

/* All blocks of a grid run at once, which a device as simple as this one always can. */
CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                   unsigned int block_x, unsigned int block_y, unsigned int block_z,
                                   unsigned int shared_bytes, CUstream stream, void **parameters) {
    return cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, stream, parameters,
                          NULL);
}

CUresult cuLaunchCooperativeKernel_ptsz(CUfunction function, unsigned int grid_x, unsigned int grid_y,
                                        unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                                        unsigned int block_z, unsigned int shared_bytes, CUstream stream,
                                        void **parameters) {
    return cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes,
                          stream_or_own(stream), parameters, NULL);
}

CUresult cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS *launches, unsigned int count, unsigned int flags) {
    (void)flags;
    CUresult result = launches == NULL || count == 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
    for (unsigned i = 0; result == CUDA_SUCCESS && i < count; i++) {
        const CUDA_LAUNCH_PARAMS *one = &launches[i];
        struct launch launch = {one->function,
                                {one->gridDimX, one->gridDimY, one->gridDimZ},
                                {one->blockDimX, one->blockDimY, one->blockDimZ},
                                one->kernelParams,
                                NULL};
        result = run(&launch, one->hStream);
    }
    return result;
}
