/* The kernel that programs launch here, and the ways to launch it. */
#include "kernel.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define PTX_SIZE 2048

struct driver driver;

/* A simulated GPU obeys the pragma; a real driver's compiler ignores it. That compiler must take the loop for useful,
 * so it ends in a store; x only becomes 0 by chance. */
static const char ptx[] = ".version 6.4\n"
                          ".target sm_50\n"
                          ".address_size 64\n"
                          ".global .u64 sink;\n"
                          ".visible .entry work(.param .u64 ns, .param .u64 rounds)\n"
                          "{\n"
                          "    .pragma \"hami-sim per-block=%llu argument=0\";\n"
                          "    .reg .pred %%more, %%never;\n"
                          "    .reg .b64 %%left, %%x;\n"
                          "    ld.param.u64 %%left, [rounds];\n"
                          "    ld.param.u64 %%x, [ns];\n"
                          "AGAIN:\n"
                          "    mad.lo.u64 %%x, %%x, 6364136223846793005, 1442695040888963407;\n"
                          "    sub.u64 %%left, %%left, 1;\n"
                          "    setp.gt.s64 %%more, %%left, 0;\n"
                          "    @%%more bra AGAIN;\n"
                          "    setp.eq.u64 %%never, %%x, 0;\n"
                          "    @%%never st.global.u64 [sink], %%x;\n"
                          "    ret;\n"
                          "}\n";

_Noreturn void fail(const char *what, int code) {
    printf("{\"error\": \"%s: %d\"}\n", what, code);
    fflush(stdout);
    _Exit(1);
}

void check(const char *what, CUresult result) {
    if (result != CUDA_SUCCESS)
        fail(what, (int)result);
}

void driver_load(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == NULL)
        fail("no libcuda.so.1 to load", 0);
#define FIND(member, name, parameters)                                                                                 \
    if ((*(void **)&driver.member = dlsym(library, #name)) == NULL)                                                    \
        fail("the driver has no " #name, 0);
    FUNCTIONS(FIND)
#undef FIND
}

void kernel_load(struct kernel *kernel, uint64_t cost, uint64_t per_block, uint64_t rounds, unsigned int grid) {
    char text[PTX_SIZE];
    CUmodule module;
    snprintf(text, sizeof text, ptx, (unsigned long long)per_block);
    check("cuModuleLoadData", driver.cuModuleLoadData(&module, text));
    check("cuModuleGetFunction", driver.cuModuleGetFunction(&kernel->function, module, "work"));
    kernel->ns = cost;
    kernel->rounds = rounds;
    kernel->grid = grid;
    kernel->parameters[0] = &kernel->ns;
    kernel->parameters[1] = &kernel->rounds;
}

static CUresult launch_ex(struct kernel *kernel, CUstream stream) {
    CUlaunchConfig config = {
        .gridDimX = kernel->grid,
        .gridDimY = 1,
        .gridDimZ = 1,
        .blockDimX = 1,
        .blockDimY = 1,
        .blockDimZ = 1,
        .hStream = stream,
    };
    return driver.cuLaunchKernelEx(&config, kernel->function, kernel->parameters, NULL);
}

static CUresult launch(struct kernel *kernel, CUstream stream) {
    return driver.cuLaunchKernel(kernel->function, kernel->grid, 1, 1, 1, 1, 1, 0, stream, kernel->parameters, NULL);
}

static CUresult launch_cooperative(struct kernel *kernel, CUstream stream) {
    return driver.cuLaunchCooperativeKernel(kernel->function, kernel->grid, 1, 1, 1, 1, 1, 0, stream,
                                            kernel->parameters);
}

CUgraphExec kernel_graph(struct kernel *kernel, CUstream stream, uint64_t count) {
    CUgraph graph;
    CUgraphExec executable;
    check("cuStreamBeginCapture", driver.cuStreamBeginCapture(stream, 0));
    for (uint64_t i = 0; i < count; i++)
        check("cuLaunchKernel while capturing", launch(kernel, stream));
    check("cuStreamEndCapture", driver.cuStreamEndCapture(stream, &graph));
    check("cuGraphInstantiateWithFlags", driver.cuGraphInstantiateWithFlags(&executable, graph, 0));
    return executable;
}

void kernel_launch(struct kernel *kernel, enum call call, CUstream stream, CUgraphExec graph) {
    switch (call) {
    case CALL_KERNEL:
        check("cuLaunchKernel", launch(kernel, stream));
        break;
    case CALL_KERNEL_EX:
        check("cuLaunchKernelEx", launch_ex(kernel, stream));
        break;
    case CALL_COOPERATIVE:
        check("cuLaunchCooperativeKernel", launch_cooperative(kernel, stream));
        break;
    case CALL_GRAPH:
        check("cuGraphLaunch", driver.cuGraphLaunch(graph, stream));
        break;
    }
}
