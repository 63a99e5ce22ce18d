/* Graphs: nodes that take time of the device, that allocate, that free, that do nothing, and graphs within graphs. */
#ifndef HAMI_SIM_GRAPH_H
#define HAMI_SIM_GRAPH_H

#include "sim/cuda/arena.h"

struct CUgraphNode_st {
    CUgraphNodeType type;
    CUdevice device;
    CUdeviceptr pointer; /* of a node that allocates or frees */
    size_t size;         /* bytes, of a node that allocates */
    uint64_t ns;         /* of a kernel: how long it takes */
    CUhostFn function;   /* of a call of the host's */
    void *data;          /* … */
    CUgraph child;       /* of a graph within the graph, which owns it */
    CUgraphNode origin;  /* in an executable graph: the node of the graph that it was made from */
    CUgraphNode next;
};

struct CUgraph_st {
    CUgraphNode first;
    CUgraphNode *last; /* where the next node goes: nodes run in the order in which they were added */
};

struct CUgraphExec_st {
    bool frees_before_launch;
    size_t count;
    struct CUgraphNode_st nodes[]; /* that do something, those of graphs within it too */
};

/* Take and give back memory as an executable graph's nodes say, at once; and free what it has taken and kept. */
CUresult graph_run_memory(CUgraphExec exec);
void graph_free_memory(CUgraphExec exec);

/* How long the kernel takes from now on that was made from a node. */
CUresult graph_exec_set_ns(CUgraphExec exec, CUgraphNode node, uint64_t ns);

/* Adds a copy of a node behind those that are there. */
CUresult graph_add(CUgraph graph, struct CUgraphNode_st node, CUgraphNode *added);

/* Add a node, as cuMemAllocAsync and cuMemFreeAsync do on a stream that is captured. */
CUresult graph_add_alloc(CUgraph graph, CUdevice device, size_t size, CUdeviceptr *pointer);
CUresult graph_add_free(CUgraph graph, CUdeviceptr pointer);

#endif
