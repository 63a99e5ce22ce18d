/* The memory of graphs that are launched, which a device keeps for them: a pool that only a trim empties. */
#include "sim/cuda/context.h"
#include "sim/cuda/graph.h"
#include "sim/cuda/memory.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

static CUmemoryPool graph_pools[SIM_MAX_GPUS];

/* The device's pool for graphs. NULL without memory. */
static CUmemoryPool pool_of(CUdevice device) {
    pool_lock();
    if (graph_pools[device] == NULL && (graph_pools[device] = pool_new(pool_on(device), 0)) != NULL)
        graph_pools[device]->threshold = UINT64_MAX;
    CUmemoryPool pool = graph_pools[device];
    pool_unlock();
    return pool;
}

static CUresult allocate(const struct CUgraphNode_st *node) {
    CUmemoryPool pool = pool_of(node->device);
    struct block *block = arena_find(node->pointer);
    if (pool == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (atomic_load(&block->kind) == BLOCK_GRAPH)
        return CUDA_ERROR_INVALID_VALUE; /* it still lives since the last launch */
    CUresult result = pool_take(pool, block->size);
    if (result == CUDA_SUCCESS) {
        block->pool = pool;
        block->context = context_index(context_primary(node->device));
        atomic_store(&block->kind, BLOCK_GRAPH);
    }
    return result;
}

/* Does what a node has to do with memory, which is done at once. */
static CUresult run_memory(const struct CUgraphNode_st *node) {
    switch (node->type) {
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        return allocate(node);
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        return memory_free(node->pointer);
    default:
        return CUDA_SUCCESS;
    }
}

void graph_free_memory(CUgraphExec exec) {
    for (size_t i = 0; i < exec->count; i++)
        if (exec->nodes[i].type == CU_GRAPH_NODE_TYPE_MEM_ALLOC)
            memory_free(exec->nodes[i].pointer);
}

CUresult graph_run_memory(CUgraphExec exec) {
    CUresult result = CUDA_SUCCESS;
    if (exec->frees_before_launch)
        graph_free_memory(exec);
    for (size_t i = 0; result == CUDA_SUCCESS && i < exec->count; i++)
        result = run_memory(&exec->nodes[i]);
    if (result == CUDA_ERROR_OUT_OF_MEMORY)
        graph_free_memory(exec);
    return result;
}

static CUresult find_pool(CUdevice device, CUmemoryPool *pool) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    *pool = pool_of(device);
    return *pool != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuDeviceGraphMemTrim(CUdevice device) {
    CUmemoryPool pool;
    CUresult result = find_pool(device, &pool);
    return result != CUDA_SUCCESS ? result : cuMemPoolTrimTo(pool, 0);
}

static CUmemPool_attribute attribute_of_pool(CUgraphMem_attribute attribute) {
    switch (attribute) {
    case CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT:
        return CU_MEMPOOL_ATTR_USED_MEM_CURRENT;
    case CU_GRAPH_MEM_ATTR_USED_MEM_HIGH:
        return CU_MEMPOOL_ATTR_USED_MEM_HIGH;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT:
        return CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT;
    default:
        return CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH;
    }
}

CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void *value) {
    CUmemoryPool pool;
    CUresult result = find_pool(device, &pool);
    return result != CUDA_SUCCESS ? result : cuMemPoolGetAttribute(pool, attribute_of_pool(attribute), value);
}

CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void *value) {
    CUmemoryPool pool;
    CUresult result = find_pool(device, &pool);
    return result != CUDA_SUCCESS ? result : cuMemPoolSetAttribute(pool, attribute_of_pool(attribute), value);
}
