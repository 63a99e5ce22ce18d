/* Allocates and frees in stream order. Of pools that is the order of the calls; what is of none is given back late. */
#include "sim/cuda/context.h"
#include "sim/cuda/graph.h"
#include "sim/cuda/memory.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

static CUresult allocate_from(CUmemoryPool pool, CUdeviceptr *pointer, size_t size, CUstream stream) {
    CUcontext context;
    if (stream_graph(stream) != NULL)
        return pool_is_alive(pool) && !pool->place.managed
                   ? graph_add_alloc(stream_graph(stream), pool_device(pool), size, pointer)
                   : CUDA_ERROR_INVALID_VALUE;
    CUresult result = stream_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    return pool_is_alive(pool) ? memory_allocate_from(pool, pointer, size, context) : CUDA_ERROR_INVALID_VALUE;
}

static CUresult allocate(CUdeviceptr *pointer, size_t size, CUstream stream) {
    CUcontext context;
    CUmemoryPool pool;
    CUresult result = stream_graph(stream) != NULL ? context_current(&context) : stream_context(stream, &context);
    if (result == CUDA_SUCCESS)
        result = cuDeviceGetMemPool(&pool, context->device);
    return result != CUDA_SUCCESS ? result : allocate_from(pool, pointer, size, stream);
}

CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t size, CUstream stream) {
    return allocate(pointer, size, stream);
}

CUresult cuMemAllocAsync_ptsz(CUdeviceptr *pointer, size_t size, CUstream stream) {
    return allocate(pointer, size, stream_or_own(stream));
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *pointer, size_t size, CUmemoryPool pool, CUstream stream) {
    return allocate_from(pool, pointer, size, stream);
}

CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *pointer, size_t size, CUmemoryPool pool, CUstream stream) {
    return allocate_from(pool, pointer, size, stream_or_own(stream));
}

static CUresult deallocate(CUdeviceptr pointer, CUstream stream) {
    struct timeline *timeline;
    if (stream_graph(stream) != NULL)
        return graph_add_free(stream_graph(stream), pointer);
    CUresult result = stream_timeline(stream, &timeline);
    return result != CUDA_SUCCESS ? result : memory_free_late(pointer, timeline);
}

CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
    return deallocate(pointer, stream);
}

CUresult cuMemFreeAsync_ptsz(CUdeviceptr pointer, CUstream stream) {
    return deallocate(pointer, stream_or_own(stream));
}
