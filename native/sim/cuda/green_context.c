/* Green contexts: each has a context of its own, and keeps its device's primary one, whose events are its own. A kernel
 * here takes all of its device, so that is what one is given, without a choice.
 */
#include "sim/cuda/context.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

static const char whole_device; /* what every description points to */

#define WHOLE_DEVICE ((CUdevResourceDesc)(uintptr_t)&whole_device)

CUresult cuDeviceGetDevResource(CUdevice device, CUdevResource *resource, CUdevResourceType type) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (resource == NULL || type != CU_DEV_RESOURCE_TYPE_SM)
        return CUDA_ERROR_INVALID_VALUE;
    resource->type = type;
    resource->smCount = gpu->multiprocessors;
    return CUDA_SUCCESS;
}

CUresult cuDevResourceGenerateDesc(CUdevResourceDesc *description, CUdevResource *resources, unsigned int count) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (description == NULL || resources == NULL || count != 1 || resources->type != CU_DEV_RESOURCE_TYPE_SM)
        return CUDA_ERROR_INVALID_VALUE;
    *description = WHOLE_DEVICE;
    return CUDA_SUCCESS;
}

CUresult cuGreenCtxCreate(CUgreenCtx *green, CUdevResourceDesc description, CUdevice device, unsigned int flags) {
    CUcontext primary, own;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (green == NULL || description != WHOLE_DEVICE || flags != CU_GREEN_CTX_DEFAULT_STREAM)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = cuDevicePrimaryCtxRetain(&primary, device);
    if (result != CUDA_SUCCESS)
        return result;
    result = context_create(&own, device, 0, 3020);
    if (result != CUDA_SUCCESS) {
        cuDevicePrimaryCtxRelease_v2(device);
        return result;
    }
    own->is_green = true;
    *green = (CUgreenCtx)own;
    return CUDA_SUCCESS;
}

CUresult cuGreenCtxDestroy(CUgreenCtx green) {
    CUdevice device;
    CUresult result = green == NULL ? CUDA_ERROR_INVALID_CONTEXT : cuCtxGetDevice_v2(&device, (CUcontext)green);
    if (result == CUDA_SUCCESS)
        result = cuCtxDestroy_v2((CUcontext)green);
    return result != CUDA_SUCCESS ? result : cuDevicePrimaryCtxRelease_v2(device);
}

CUresult cuCtxFromGreenCtx(CUcontext *context, CUgreenCtx green) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (context == NULL || green == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *context = (CUcontext)green;
    return CUDA_SUCCESS;
}

CUresult cuGreenCtxStreamCreate(CUstream *stream, CUgreenCtx green, unsigned int flags, int priority) {
    CUdevice device;
    CUresult result = green == NULL ? CUDA_ERROR_INVALID_CONTEXT : cuCtxGetDevice_v2(&device, (CUcontext)green);
    if (result == CUDA_SUCCESS && flags != CU_STREAM_NON_BLOCKING)
        result = CUDA_ERROR_INVALID_VALUE;
    return result != CUDA_SUCCESS ? result : stream_create(stream, (CUcontext)green, flags, priority);
}

CUresult cuStreamGetGreenCtx(CUstream stream, CUgreenCtx *green) {
    CUcontext context;
    CUresult result = stream_owner(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    if (green == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *green = context->is_green ? (CUgreenCtx)context : NULL;
    return CUDA_SUCCESS;
}
