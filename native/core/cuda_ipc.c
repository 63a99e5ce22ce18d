/*
 * Memory of cuMemAlloc that another process has made, and pools of others.
 *
 * It counts in the process that made it, and where the driver passes it on to when that one is gone (overhead.c).
 */
#include "core/driver.h"
#include "core/inventory.h"
#include "core/overhead.h"

static CUresult opened(CUresult result) {
    if (result == CUDA_SUCCESS && inventory_limits())
        overheads_inherit();
    return result;
}

CUresult cuIpcOpenMemHandle(CUdeviceptr *address, CUipcMemHandle handle, unsigned int flags) {
    return opened(DRIVER(cuIpcOpenMemHandle)(address, handle, flags));
}

CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *address, CUipcMemHandle handle, unsigned int flags) {
    return opened(DRIVER(cuIpcOpenMemHandle_v2)(address, handle, flags));
}

CUresult cuIpcCloseMemHandle(CUdeviceptr address) {
    CUresult result = DRIVER(cuIpcCloseMemHandle)(address);
    if (result == CUDA_SUCCESS && inventory_limits())
        overheads_settle();
    return result;
}

CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool *pool, void *shareable, CUmemAllocationHandleType type,
                                            unsigned long long flags) {
    return opened(DRIVER(cuMemPoolImportFromShareableHandle)(pool, shareable, type, flags));
}
