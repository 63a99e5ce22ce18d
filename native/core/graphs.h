/* Executable graphs that allocate memory of limited GPUs when they are launched. */
#ifndef HAMI_CORE_GRAPHS_H
#define HAMI_CORE_GRAPHS_H

#include "core/backing.h"
#include "core/hooks.h"

/* What the launch of a graph may need of one GPU. */
struct demand {
    CUdevice device;
    struct backing *backing; /* the memory that the driver keeps for graphs there */
    uint64_t bytes;          /* of all nodes that allocate: the driver can only do with less */
    uint64_t taken;          /* of the share, while a launch is under way */
};

/* Most graphs have none; more than one where nodes are of several GPUs. */
#define DEMANDS 16

struct demands {
    int count;
    struct demand of[DEMANDS];
};

/* Remembers what an executable graph, made from that graph, may need. False if that is not possible. */
bool graph_remember(CUgraphExec exec, CUgraph graph);

/* What the graph may need. False for one that needs nothing. */
bool graph_demands(CUgraphExec exec, struct demands *demands);

/* Around a call of the driver that destroys: the graph is forgotten before it, because once the driver has destroyed it
 * another thread may get its handle, and put back if the driver refuses. False without memory. */
void graph_forget(CUgraphExec exec);
bool graph_put(CUgraphExec exec, const struct demands *demands);

/* In a forked child: nothing is the child's. */
void graphs_forget(void);

#endif
