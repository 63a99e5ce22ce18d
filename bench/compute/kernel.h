/* The kernel that programs launch here, and the ways to launch it. */
#ifndef HAMI_BENCH_COMPUTE_KERNEL_H
#define HAMI_BENCH_COMPUTE_KERNEL_H

#include "abi/cuda.h"

#define FUNCTIONS(X)                                                                                                   \
    X(cuInit, cuInit, (unsigned int))                                                                                  \
    X(cuDeviceGet, cuDeviceGet, (CUdevice *, int))                                                                     \
    X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                     \
    X(cuCtxSetCurrent, cuCtxSetCurrent, (CUcontext))                                                                   \
    X(cuCtxSynchronize, cuCtxSynchronize, (void))                                                                      \
    X(cuModuleLoadData, cuModuleLoadData, (CUmodule *, const void *))                                                  \
    X(cuModuleGetFunction, cuModuleGetFunction, (CUfunction *, CUmodule, const char *))                                \
    X(cuStreamCreate, cuStreamCreate, (CUstream *, unsigned int))                                                      \
    X(cuStreamSynchronize, cuStreamSynchronize, (CUstream))                                                            \
    X(cuStreamBeginCapture, cuStreamBeginCapture_v2, (CUstream, int))                                                  \
    X(cuStreamEndCapture, cuStreamEndCapture, (CUstream, CUgraph *))                                                   \
    X(cuGraphInstantiateWithFlags, cuGraphInstantiateWithFlags, (CUgraphExec *, CUgraph, unsigned long long))          \
    X(cuGraphLaunch, cuGraphLaunch, (CUgraphExec, CUstream))                                                           \
    X(cuEventCreate, cuEventCreate, (CUevent *, unsigned int))                                                         \
    X(cuEventRecord, cuEventRecord, (CUevent, CUstream))                                                               \
    X(cuEventSynchronize, cuEventSynchronize, (CUevent))                                                               \
    X(cuEventElapsedTime, cuEventElapsedTime, (float *, CUevent, CUevent))                                             \
    X(cuEventDestroy, cuEventDestroy_v2, (CUevent))                                                                    \
    X(cuLaunchKernelEx, cuLaunchKernelEx, (const CUlaunchConfig *, CUfunction, void **, void **))                      \
    X(cuLaunchCooperativeKernel, cuLaunchCooperativeKernel,                                                            \
      (CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,   \
       CUstream, void **))                                                                                             \
    X(cuLaunchKernel, cuLaunchKernel,                                                                                  \
      (CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,   \
       CUstream, void **, void **))

struct driver {
#define MEMBER(member, name, parameters) CUresult(*member) parameters;
    FUNCTIONS(MEMBER)
#undef MEMBER
};

extern struct driver driver;

enum call {
    CALL_KERNEL,
    CALL_KERNEL_EX,
    CALL_COOPERATIVE,
    CALL_GRAPH,
};

struct kernel {
    CUfunction function;
    uint64_t ns, rounds; /* its parameters */
    void *parameters[2];
    unsigned int grid;
};

_Noreturn void fail(const char *what, int code);
void check(const char *what, CUresult result);

/* Finds the driver's functions as most programs do, by dlsym. */
void driver_load(void);

/* A kernel in the current context. A simulated GPU takes `cost` ns for it and `per_block` for each block of its grid, a
 * real one goes through a loop `rounds` times. It must not move afterwards. */
void kernel_load(struct kernel *kernel, uint64_t cost, uint64_t per_block, uint64_t rounds, unsigned int grid);

/* A graph of `count` of them, one after the other, captured on a stream. */
CUgraphExec kernel_graph(struct kernel *kernel, CUstream stream, uint64_t count);

void kernel_launch(struct kernel *kernel, enum call call, CUstream stream, CUgraphExec graph);

#endif
