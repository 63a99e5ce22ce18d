/* Graphs, as far as they take memory: nodes that allocate, that free, that do nothing, and graphs within graphs. */
#ifndef HAMI_SIM_GRAPH_H
#define HAMI_SIM_GRAPH_H

#include "sim/cuda/arena.h"

struct CUgraphNode_st {
    CUgraphNodeType type;
    CUdevice device;
    CUdeviceptr pointer; /* of a node that allocates or frees */
    size_t size;         /* bytes, of a node that allocates */
    CUgraph child;       /* of a graph within the graph, which owns it */
    CUgraphNode next;
};

struct CUgraph_st {
    CUgraphNode first;
    CUgraphNode *last; /* where the next node goes: nodes run in the order in which they were added */
};

/* Add a node, as cuMemAllocAsync and cuMemFreeAsync do on a stream that is captured. */
CUresult graph_add_alloc(CUgraph graph, CUdevice device, size_t size, CUdeviceptr *pointer);
CUresult graph_add_free(CUgraph graph, CUdeviceptr pointer);

#endif
