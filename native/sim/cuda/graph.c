/* Graphs, made node by node. */
#include "sim/cuda/graph.h"

#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

CUresult graph_add(CUgraph graph, struct CUgraphNode_st node, CUgraphNode *added) {
    CUgraphNode copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *copy = node;
    *graph->last = copy;
    graph->last = &copy->next;
    if (added != NULL)
        *added = copy;
    return CUDA_SUCCESS;
}

/* The addresses are the node's for good: no other allocation gets them, whatever becomes of the graph. */
static CUresult add_alloc(CUgraph graph, CUdevice device, size_t size, CUdeviceptr *pointer, CUgraphNode *added) {
    if (pointer == NULL || size == 0)
        return CUDA_ERROR_INVALID_VALUE;
    struct block *block = arena_take(size);
    if (block == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = arena_address(block);
    return graph_add(
        graph,
        (struct CUgraphNode_st){
            .type = CU_GRAPH_NODE_TYPE_MEM_ALLOC, .device = device, .pointer = *pointer, .size = block->size},
        added);
}

CUresult graph_add_alloc(CUgraph graph, CUdevice device, size_t size, CUdeviceptr *pointer) {
    return add_alloc(graph, device, size, pointer, NULL);
}

/* Addresses of graphs have memory only while something of it lives. */
static bool is_of_graph(CUdeviceptr pointer) {
    const struct block *block = arena_find(pointer);
    enum block_kind kind = block != NULL ? (enum block_kind)atomic_load(&block->kind) : BLOCK_HOST;
    return kind == BLOCK_FREE || kind == BLOCK_GRAPH;
}

CUresult graph_add_free(CUgraph graph, CUdeviceptr pointer) {
    if (!is_of_graph(pointer))
        return CUDA_ERROR_INVALID_VALUE;
    return graph_add(graph, (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_MEM_FREE, .pointer = pointer}, NULL);
}

CUresult cuGraphCreate(CUgraph *graph, unsigned int flags) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (graph == NULL || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    *graph = calloc(1, sizeof(**graph));
    if (*graph == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    (*graph)->last = &(*graph)->first;
    return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph graph) {
    if (graph == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    for (CUgraphNode node = graph->first, next; node != NULL; node = next) {
        next = node->next;
        if (node->child != NULL)
            cuGraphDestroy(node->child);
        free(node);
    }
    free(graph);
    return CUDA_SUCCESS;
}

/* The order in which nodes were added is one that every dependency allows. */
CUresult cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count) {
    (void)dependencies, (void)count;
    if (node == NULL || graph == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    return graph_add(graph, (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_EMPTY}, node);
}

/* The child becomes the graph's, also with nodes that allocate: what newer drivers do when they are asked to move it.
 */
CUresult cuGraphAddChildGraphNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                  CUgraph child) {
    (void)dependencies, (void)count;
    if (node == NULL || graph == NULL || child == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    return graph_add(graph, (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_GRAPH, .child = child}, node);
}

CUresult cuGraphAddMemAllocNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                CUDA_MEM_ALLOC_NODE_PARAMS *params) {
    (void)dependencies, (void)count;
    if (node == NULL || graph == NULL || params == NULL ||
        params->poolProps.location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        return CUDA_ERROR_INVALID_VALUE;
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(params->poolProps.location.id, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    return add_alloc(graph, params->poolProps.location.id, params->bytesize, &params->dptr, node);
}

CUresult cuGraphAddMemFreeNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                               CUdeviceptr pointer) {
    (void)dependencies, (void)count;
    if (node == NULL || graph == NULL || arena_find(pointer) == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    return graph_add(graph, (struct CUgraphNode_st){.type = CU_GRAPH_NODE_TYPE_MEM_FREE, .pointer = pointer}, node);
}

CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
    if (graph == NULL || count == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    size_t found = 0;
    for (CUgraphNode node = graph->first; node != NULL; node = node->next, found++)
        if (nodes != NULL && found < *count)
            nodes[found] = node;
    if (nodes == NULL || found < *count)
        *count = found;
    return CUDA_SUCCESS;
}

CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type) {
    if (node == NULL || type == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *type = node->type;
    return CUDA_SUCCESS;
}

CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *graph) {
    if (node == NULL || graph == NULL || node->type != CU_GRAPH_NODE_TYPE_GRAPH)
        return CUDA_ERROR_INVALID_VALUE;
    *graph = node->child;
    return CUDA_SUCCESS;
}

CUresult cuGraphMemAllocNodeGetParams(CUgraphNode node, CUDA_MEM_ALLOC_NODE_PARAMS *params) {
    if (node == NULL || params == NULL || node->type != CU_GRAPH_NODE_TYPE_MEM_ALLOC)
        return CUDA_ERROR_INVALID_VALUE;
    *params = (CUDA_MEM_ALLOC_NODE_PARAMS){
        .poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, node->device}},
        .bytesize = node->size,
        .dptr = node->pointer,
    };
    return CUDA_SUCCESS;
}
