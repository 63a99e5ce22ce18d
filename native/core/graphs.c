/*
 * Executable graphs that allocate memory of limited GPUs when they are launched.
 *
 * Nodes that allocate come into a graph in many ways, by calls of their own, by capture, with other graphs. So a graph
 * is looked through when it is made executable: from then on nodes that allocate do not change.
 */
#include "core/graphs.h"

#include "core/devices.h"
#include "core/driver.h"
#include "core/inventory.h"
#include "core/lock.h"

#include <search.h>
#include <stdlib.h>

struct known {
    CUgraphExec exec;
    struct demands demands;
};

static struct lock lock;
static void *graphs;                /* a search tree */
static _Atomic unsigned remembered; /* how many; most programs have none, and launch graphs often */

static bool reserved(uint64_t name, uint64_t *bytes) {
    return DRIVER(cuDeviceGetGraphMemAttribute)((CUdevice)name, CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT, bytes) ==
           CUDA_SUCCESS;
}

static bool used(uint64_t name, uint64_t *bytes) {
    return DRIVER(cuDeviceGetGraphMemAttribute)((CUdevice)name, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, bytes) ==
           CUDA_SUCCESS;
}

static void trim(uint64_t name) {
    DRIVER(cuDeviceGraphMemTrim)((CUdevice)name);
}

static const struct backing_kind graph_memory = {.reserved = reserved, .used = used, .trim = trim};

static bool add(struct demands *demands, CUdevice device, uint64_t bytes) {
    struct gpu *gpu = gpu_of_device(device);
    int i = 0;
    while (i < demands->count && demands->of[i].device != device)
        i++;
    if (gpu == NULL)
        return true;
    if (i == DEMANDS)
        return false;
    if (i == demands->count) {
        demands->of[i] = (struct demand){.device = device, .backing = backing_of(&graph_memory, (uint64_t)device, gpu)};
        demands->count++;
    }
    return demands->of[i].backing != NULL &&
           !__builtin_add_overflow(demands->of[i].bytes, bytes, &demands->of[i].bytes);
}

static bool add_graph(struct demands *demands, CUgraph graph);

static bool add_node(struct demands *demands, CUgraphNode node) {
    CUgraphNodeType type;
    if (DRIVER(cuGraphNodeGetType)(node, &type) != CUDA_SUCCESS)
        return false;
    CUgraph child;
    if (type == CU_GRAPH_NODE_TYPE_GRAPH)
        return DRIVER(cuGraphChildGraphNodeGetGraph)(node, &child) == CUDA_SUCCESS && add_graph(demands, child);
    CUDA_MEM_ALLOC_NODE_PARAMS params;
    if (type != CU_GRAPH_NODE_TYPE_MEM_ALLOC)
        return true;
    return DRIVER(cuGraphMemAllocNodeGetParams)(node, &params) == CUDA_SUCCESS &&
           (params.poolProps.location.type != CU_MEM_LOCATION_TYPE_DEVICE ||
            add(demands, params.poolProps.location.id, params.bytesize));
}

static bool add_graph(struct demands *demands, CUgraph graph) {
    size_t count = 0;
    if (DRIVER(cuGraphGetNodes)(graph, NULL, &count) != CUDA_SUCCESS)
        return false;
    CUgraphNode *nodes = calloc(count + 1, sizeof(*nodes));
    bool added = nodes != NULL && (count == 0 || DRIVER(cuGraphGetNodes)(graph, nodes, &count) == CUDA_SUCCESS);
    for (size_t i = 0; added && i < count; i++)
        added = add_node(demands, nodes[i]);
    free(nodes);
    return added;
}

static int compare(const void *one, const void *other) {
    const struct known *left = one, *right = other;
    return (left->exec > right->exec) - (left->exec < right->exec);
}

/* With the lock held. */
static struct known *find(CUgraphExec exec) {
    struct known key = {.exec = exec};
    struct known **node = tfind(&key, &graphs, compare);
    return node != NULL ? *node : NULL;
}

bool graph_put(CUgraphExec exec, const struct demands *demands) {
    struct known *known = demands->count != 0 ? malloc(sizeof *known) : NULL;
    if (known == NULL)
        return demands->count == 0;
    *known = (struct known){exec, *demands};
    lock_take(&lock);
    bool inserted = tsearch(known, &graphs, compare) != NULL;
    remembered += inserted;
    lock_release(&lock);
    if (!inserted)
        free(known);
    return inserted;
}

bool graph_remember(CUgraphExec exec, CUgraph graph) {
    struct demands demands = {0};
    graph_forget(exec); /* one of that handle whose end we have not seen */
    if (!inventory_limits())
        return true;
    return add_graph(&demands, graph) && graph_put(exec, &demands);
}

bool graph_demands(CUgraphExec exec, struct demands *demands) {
    if (atomic_load_explicit(&remembered, memory_order_acquire) == 0)
        return false;
    lock_take(&lock);
    const struct known *known = find(exec);
    if (known != NULL)
        *demands = known->demands;
    lock_release(&lock);
    return known != NULL;
}

void graph_forget(CUgraphExec exec) {
    lock_take(&lock);
    struct known *known = find(exec);
    if (known != NULL) {
        tdelete(known, &graphs, compare);
        remembered--;
    }
    lock_release(&lock);
    free(known);
}

void graphs_forget(void) {
    /* Another of the parent's threads may have been in the middle of a change: nothing in here can be relied on. */
    graphs = NULL;
    remembered = 0;
    lock_release(&lock);
}
