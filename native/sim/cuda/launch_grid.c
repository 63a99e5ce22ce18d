/* Launches as before CUDA 4: a function's shape and arguments are set one by one, and stay. */
#include "sim/cuda/function.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <string.h>

static CUresult check(CUfunction function) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    return function_is(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuFuncSetBlockShape(CUfunction function, int x, int y, int z) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (x <= 0 || y <= 0 || z <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    memcpy(function->block, (unsigned[]){(unsigned)x, (unsigned)y, (unsigned)z}, sizeof(function->block));
    return CUDA_SUCCESS;
}

CUresult cuFuncSetSharedSize(CUfunction function, unsigned int bytes) {
    (void)bytes;
    return check(function);
}

CUresult cuParamSetSize(CUfunction function, unsigned int bytes) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (bytes > FUNCTION_MAX_ARGUMENTS)
        return CUDA_ERROR_INVALID_VALUE;
    function->arguments_size = bytes;
    return CUDA_SUCCESS;
}

CUresult cuParamSetv(CUfunction function, int offset, void *value, unsigned int bytes) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (value == NULL || offset < 0 || bytes > FUNCTION_MAX_ARGUMENTS ||
        (unsigned)offset > FUNCTION_MAX_ARGUMENTS - bytes)
        return CUDA_ERROR_INVALID_VALUE;
    memcpy(function->arguments + offset, value, bytes);
    return CUDA_SUCCESS;
}

CUresult cuParamSeti(CUfunction function, int offset, unsigned int value) {
    return cuParamSetv(function, offset, &value, sizeof(value));
}

CUresult cuParamSetf(CUfunction function, int offset, float value) {
    return cuParamSetv(function, offset, &value, sizeof(value));
}

CUresult cuLaunchGridAsync(CUfunction function, int width, int height, CUstream stream) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (width <= 0 || height <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    size_t size = function->arguments_size;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, function->arguments, CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
                     CU_LAUNCH_PARAM_END};
    return cuLaunchKernel(function, (unsigned)width, (unsigned)height, 1, function->block[0], function->block[1],
                          function->block[2], 0, stream, NULL, extra);
}

CUresult cuLaunchGrid(CUfunction function, int width, int height) {
    return cuLaunchGridAsync(function, width, height, NULL);
}

CUresult cuLaunch(CUfunction function) {
    return cuLaunchGrid(function, 1, 1);
}
