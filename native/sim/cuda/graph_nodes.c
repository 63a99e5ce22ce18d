/* Nodes of graphs that run something, and nodes of any type by one call. */
#include "sim/cuda/graph.h"
#include "sim/cuda/launch.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

/* How long the kernel of a node takes. */
static CUresult cost_of(const CUDA_KERNEL_NODE_PARAMS_v3 *params, uint64_t *ns) {
    if (params == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    struct launch launch = {params->func != NULL ? params->func : (CUfunction)params->kern,
                            {params->gridDimX, params->gridDimY, params->gridDimZ},
                            {params->blockDimX, params->blockDimY, params->blockDimZ},
                            params->kernelParams,
                            params->extra};
    return launch_cost(&launch, ns);
}

/* What the older structure says, which ends before the kernel. */
static const CUDA_KERNEL_NODE_PARAMS_v3 *widen(const CUDA_KERNEL_NODE_PARAMS_v1 *params,
                                               CUDA_KERNEL_NODE_PARAMS_v3 *wide) {
    if (params == NULL)
        return NULL;
    *wide = (CUDA_KERNEL_NODE_PARAMS_v3){
        .func = params->func,
        .gridDimX = params->gridDimX,
        .gridDimY = params->gridDimY,
        .gridDimZ = params->gridDimZ,
        .blockDimX = params->blockDimX,
        .blockDimY = params->blockDimY,
        .blockDimZ = params->blockDimZ,
        .kernelParams = params->kernelParams,
        .extra = params->extra,
    };
    return wide;
}

CUresult cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                 const CUDA_KERNEL_NODE_PARAMS_v2 *params) {
    (void)dependencies, (void)count;
    uint64_t ns;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (node == NULL || graph == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = cost_of(params, &ns);
    return result != CUDA_SUCCESS
               ? result
               : graph_add(graph, (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_KERNEL, .ns = ns}, node);
}

CUresult cuGraphAddKernelNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                              const CUDA_KERNEL_NODE_PARAMS_v1 *params) {
    CUDA_KERNEL_NODE_PARAMS_v3 wide;
    return cuGraphAddKernelNode_v2(node, graph, dependencies, count, widen(params, &wide));
}

CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v2 *params) {
    if (node == NULL || node->type != CU_GRAPH_NODE_TYPE_KERNEL)
        return CUDA_ERROR_INVALID_VALUE;
    return cost_of(params, &node->ns);
}

CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *params) {
    CUDA_KERNEL_NODE_PARAMS_v3 wide;
    return cuGraphKernelNodeSetParams_v2(node, widen(params, &wide));
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                           const CUDA_KERNEL_NODE_PARAMS_v2 *params) {
    uint64_t ns;
    CUresult result = cost_of(params, &ns);
    return result != CUDA_SUCCESS ? result : graph_exec_set_ns(exec, node, ns);
}

CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *params) {
    CUDA_KERNEL_NODE_PARAMS_v3 wide;
    return cuGraphExecKernelNodeSetParams_v2(exec, node, widen(params, &wide));
}

CUresult cuGraphAddNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                        CUgraphNodeParams *params) {
    if (params == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    switch (params->type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        return cuGraphAddKernelNode_v2(node, graph, dependencies, count, &params->kernel);
    case CU_GRAPH_NODE_TYPE_HOST:
        return cuGraphAddHostNode(node, graph, dependencies, count, &params->host);
    case CU_GRAPH_NODE_TYPE_GRAPH:
        return cuGraphAddChildGraphNode(node, graph, dependencies, count, params->graph);
    case CU_GRAPH_NODE_TYPE_EMPTY:
        return cuGraphAddEmptyNode(node, graph, dependencies, count);
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        return cuGraphAddMemAllocNode(node, graph, dependencies, count, &params->alloc);
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        return cuGraphAddMemFreeNode(node, graph, dependencies, count, params->free);
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
}

/* With data of the edges, which say when within a kernel the next may begin: here it is always the end. */
CUresult cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies,
                           const CUgraphEdgeData *edges, size_t count, CUgraphNodeParams *params) {
    (void)edges;
    return cuGraphAddNode(node, graph, dependencies, count, params);
}
