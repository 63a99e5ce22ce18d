/* Memory pools: cuMemPoolCreate, cuMemPoolDestroy, cuMemPoolTrimTo. What is allocated from them: cuda_stream_memory.c.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/pools.h"

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props) {
    CUresult result = DRIVER(cuMemPoolCreate)(pool, props);
    if (result != CUDA_SUCCESS || pool_remember(*pool, gpu_of_location(&props->location)))
        return result;
    DRIVER(cuMemPoolDestroy)(*pool);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemPoolDestroy(CUmemoryPool pool) {
    return pool_retire(pool) ? CUDA_SUCCESS : DRIVER(cuMemPoolDestroy)(pool);
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t kept) {
    CUresult result = DRIVER(cuMemPoolTrimTo)(pool, kept);
    backings_settle();
    return result;
}
