/*
 * A CUDA program that keeps a GPU busy, with its first device, for so many milliseconds.
 *
 * Usage: launcher MS KERNEL_NS plain|extended|cooperative|graph|per-thread STREAMS THREADS
 *                 sync|async: whether it waits for each launch
 *
 * Prints how many launches it made, the longest time in ns that one of them took, and the time in ns that it was at it.
 */
#include "abi/cuda.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FUNCTIONS(X)                                                                                                   \
    X(cuInit, (unsigned int))                                                                                          \
    X(cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                                               \
    X(cuCtxSetCurrent, (CUcontext))                                                                                    \
    X(cuCtxSynchronize, (void))                                                                                        \
    X(cuStreamCreate, (CUstream *, unsigned int))                                                                      \
    X(cuStreamSynchronize, (CUstream))                                                                                 \
    X(cuModuleLoadData, (CUmodule *, const void *))                                                                    \
    X(cuModuleGetFunction, (CUfunction *, CUmodule, const char *))                                                     \
    X(cuStreamBeginCapture_v2, (CUstream, CUstreamCaptureMode))                                                        \
    X(cuStreamEndCapture, (CUstream, CUgraph *))                                                                       \
    X(cuGraphInstantiateWithFlags, (CUgraphExec *, CUgraph, unsigned long long))                                       \
    X(cuGraphDestroy, (CUgraph))                                                                                       \
    X(cuGraphLaunch, (CUgraphExec, CUstream))                                                                          \
    X(cuLaunchKernelEx, (const CUlaunchConfig *, CUfunction, void **, void **))                                        \
    X(cuLaunchCooperativeKernel,                                                                                       \
      (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **))           \
    X(cuLaunchKernel,                                                                                                  \
      (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **))  \
    X(cuLaunchKernel_ptsz,                                                                                             \
      (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **))

#define DECLARE(name, parameters) static CUresult(*name) parameters;
FUNCTIONS(DECLARE)

static const char ptx[] = ".version 8.0\n.target sm_80\n.address_size 64\n"
                          ".visible .entry busy(.param .u64 ns) { .pragma \"hami-sim argument=0\"; ret; }\n";

#define MOST_STREAMS  16
#define GRAPH_KERNELS 5

static CUcontext context;
static CUfunction function;
static CUstream streams[MOST_STREAMS];
static CUgraphExec graphs[MOST_STREAMS];
static uint64_t kernel_ns, end;
static unsigned stream_count;
static const char *way;
static int waits;

struct result {
    uint64_t launches, longest_ns;
};

static void must(CUresult result, const char *what) {
    if (result == CUDA_SUCCESS)
        return;
    fprintf(stderr, "%s: %d\n", what, result);
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static CUresult launch_kernel(CUstream stream) {
    void *parameters[] = {&kernel_ns};
    CUlaunchConfig config = {1, 1, 1, 32, 1, 1, 0, stream, NULL, 0};
    if (strcmp(way, "extended") == 0)
        return cuLaunchKernelEx(&config, function, parameters, NULL);
    if (strcmp(way, "cooperative") == 0)
        return cuLaunchCooperativeKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, parameters);
    if (strcmp(way, "per-thread") == 0)
        return cuLaunchKernel_ptsz(function, 1, 1, 1, 32, 1, 1, 0, NULL, parameters, NULL);
    return cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, parameters, NULL);
}

static CUgraphExec captured(CUstream stream) {
    CUgraph graph;
    CUgraphExec exec;
    must(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), "cuStreamBeginCapture_v2");
    for (int i = 0; i < GRAPH_KERNELS; i++)
        must(launch_kernel(stream), "a captured launch");
    must(cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
    must(cuGraphInstantiateWithFlags(&exec, graph, 0), "cuGraphInstantiateWithFlags");
    must(cuGraphDestroy(graph), "cuGraphDestroy");
    return exec;
}

static void *work(void *argument) {
    struct result *result = argument;
    must(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    for (uint64_t i = 0, before; (before = now()) < end; i++) {
        unsigned which = i % stream_count;
        must(graphs[which] != NULL ? cuGraphLaunch(graphs[which], streams[which]) : launch_kernel(streams[which]),
             "a launch");
        uint64_t took = now() - before;
        result->longest_ns = took > result->longest_ns ? took : result->longest_ns;
        result->launches++;
        if (waits)
            must(cuStreamSynchronize(streams[which]), "cuStreamSynchronize");
    }
    return NULL;
}

static void prepare(void) {
    CUmodule module;
    must(cuInit(0), "cuInit");
    must(cuDevicePrimaryCtxRetain(&context, 0), "cuDevicePrimaryCtxRetain");
    must(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    must(cuModuleLoadData(&module, ptx), "cuModuleLoadData");
    must(cuModuleGetFunction(&function, module, "busy"), "cuModuleGetFunction");
    for (unsigned i = 0; i < stream_count; i++) {
        must(cuStreamCreate(&streams[i], CU_STREAM_NON_BLOCKING), "cuStreamCreate");
        if (strcmp(way, "graph") == 0)
            graphs[i] = captured(streams[i]);
    }
}

int main(int argc, char **argv) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (argc != 7 || library == NULL)
        return 2;
#define FIND(name, parameters) name = dlsym(library, #name);
    FUNCTIONS(FIND)
    kernel_ns = strtoull(argv[2], NULL, 10);
    way = argv[3];
    stream_count = (unsigned)atoi(argv[4]);
    int threads = atoi(argv[5]);
    waits = strcmp(argv[6], "sync") == 0;
    if (stream_count == 0 || stream_count > MOST_STREAMS || threads < 1 || threads > MOST_STREAMS)
        return 2;
    prepare();
    uint64_t began = now();
    end = began + strtoull(argv[1], NULL, 10) * 1000000;
    pthread_t ids[MOST_STREAMS];
    struct result results[MOST_STREAMS] = {{0}}, sum = {0};
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, work, &results[i]);
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum.launches += results[i].launches;
        sum.longest_ns = results[i].longest_ns > sum.longest_ns ? results[i].longest_ns : sum.longest_ns;
    }
    printf("%llu %llu %llu\n", (unsigned long long)sum.launches, (unsigned long long)sum.longest_ns,
           (unsigned long long)(now() - began));
    return 0;
}
