/* Functions of the host in the order of a stream. */
#include "sim/cuda/graph.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

static CUresult capture(CUgraph graph, CUhostFn function, void *data) {
    if (graph == NULL)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    return graph_add(
        graph, (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_HOST, .function = function, .data = data}, NULL);
}

CUresult cuLaunchHostFunc(CUstream stream, CUhostFn function, void *data) {
    struct timeline *timeline;
    if (function == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = stream_timeline(stream, &timeline);
    if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)
        return capture(stream_graph(stream), function, data);
    return result != CUDA_SUCCESS ? result : timeline_call(timeline, function, data);
}

CUresult cuLaunchHostFunc_ptsz(CUstream stream, CUhostFn function, void *data) {
    return cuLaunchHostFunc(stream_or_own(stream), function, data);
}

CUresult cuStreamAddCallback(CUstream stream, CUstreamCallback callback, void *data, unsigned int flags) {
    struct timeline *timeline;
    if (callback == NULL || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = stream_timeline(stream, &timeline);
    return result != CUDA_SUCCESS ? result : timeline_call_back(timeline, callback, stream, data);
}

CUresult cuStreamAddCallback_ptsz(CUstream stream, CUstreamCallback callback, void *data, unsigned int flags) {
    return cuStreamAddCallback(stream_or_own(stream), callback, data, flags);
}

CUresult cuGraphAddHostNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                            const CUDA_HOST_NODE_PARAMS *params) {
    (void)dependencies, (void)count;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (node == NULL || graph == NULL || params == NULL || params->fn == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    return graph_add(
        graph,
        (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_HOST, .function = params->fn, .data = params->userData},
        node);
}
