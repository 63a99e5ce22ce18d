/* Graphs that can be launched. */
#include "sim/cuda/graph.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

/* Copies the nodes that do something to `nodes`, unless that is NULL; returns how many there are. */
static size_t flatten(CUgraph graph, struct CUgraphNode_st *nodes) {
    size_t count = 0;
    for (CUgraphNode node = graph->first; node != NULL; node = node->next) {
        if (node->type == CU_GRAPH_NODE_TYPE_GRAPH)
            count += flatten(node->child, nodes != NULL ? nodes + count : NULL);
        if (node->type == CU_GRAPH_NODE_TYPE_GRAPH || node->type == CU_GRAPH_NODE_TYPE_EMPTY)
            continue;
        if (nodes != NULL) {
            nodes[count] = *node;
            nodes[count].origin = node;
        }
        count++;
    }
    return count;
}

static CUresult check(CUgraphExec exec, CUstream stream, struct timeline **timeline) {
    return exec == NULL ? CUDA_ERROR_INVALID_VALUE : stream_timeline(stream, timeline);
}

/* Kernels that go one after the other are one piece of work. */
static CUresult run_kernels(CUgraphExec exec, struct timeline *timeline) {
    CUresult result = CUDA_SUCCESS;
    uint64_t ns = 0;
    for (size_t i = 0; result == CUDA_SUCCESS && i < exec->count; i++) {
        const struct CUgraphNode_st *node = &exec->nodes[i];
        ns += node->ns;
        if (node->type != CU_GRAPH_NODE_TYPE_HOST)
            continue;
        result = timeline_put(timeline, ns);
        ns = 0;
        if (result == CUDA_SUCCESS)
            result = timeline_call(timeline, node->function, node->data);
    }
    return result == CUDA_SUCCESS ? timeline_put(timeline, ns) : result;
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
    struct timeline *timeline;
    CUresult result = check(exec, stream, &timeline);
    if (result == CUDA_SUCCESS)
        result = graph_run_memory(exec);
    return result != CUDA_SUCCESS ? result : run_kernels(exec, timeline);
}

CUresult graph_exec_set_ns(CUgraphExec exec, CUgraphNode node, uint64_t ns) {
    if (exec == NULL || node == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < exec->count; i++)
        if (exec->nodes[i].origin == node && exec->nodes[i].type == CU_GRAPH_NODE_TYPE_KERNEL) {
            exec->nodes[i].ns = ns;
            return CUDA_SUCCESS;
        }
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream) {
    return cuGraphLaunch(exec, stream_or_own(stream));
}

/* Takes the memory and frees it again: what was reserved for it stays with the device's pool. */
CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
    struct timeline *timeline;
    CUresult result = check(exec, stream, &timeline);
    if (result != CUDA_SUCCESS)
        return result;
    result = graph_run_memory(exec);
    if (result == CUDA_SUCCESS)
        graph_free_memory(exec);
    return result == CUDA_ERROR_OUT_OF_MEMORY ? result : CUDA_SUCCESS;
}

CUresult cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream) {
    return cuGraphUpload(exec, stream_or_own(stream));
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (exec == NULL || graph == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    size_t count = flatten(graph, NULL);
    *exec = calloc(1, sizeof(**exec) + count * sizeof((*exec)->nodes[0]));
    if (*exec == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    (*exec)->frees_before_launch = (flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0;
    (*exec)->count = flatten(graph, (*exec)->nodes);
    return CUDA_SUCCESS;
}

CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *error, char *log, size_t size) {
    (void)error, (void)log, (void)size;
    return cuGraphInstantiateWithFlags(exec, graph, 0);
}

CUresult cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *error, char *log, size_t size) {
    return cuGraphInstantiate(exec, graph, error, log, size);
}

CUresult cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params) {
    CUresult result =
        params == NULL ? CUDA_ERROR_INVALID_VALUE : cuGraphInstantiateWithFlags(exec, graph, params->flags);
    if (result == CUDA_SUCCESS && (params->flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD) != 0)
        result = cuGraphUpload(*exec, params->hUploadStream);
    return result;
}

CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params) {
    if (params != NULL)
        params->hUploadStream = stream_or_own(params->hUploadStream);
    return cuGraphInstantiateWithParams(exec, graph, params);
}

/* What it has allocated lives on until it is freed. */
CUresult cuGraphExecDestroy(CUgraphExec exec) {
    if (exec == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    free(exec);
    return CUDA_SUCCESS;
}
