/* Names and descriptions of the results that the simulator returns. */
#include "sim/cuda/table.h"

static const struct {
    CUresult result;
    const char *name;
    const char *text;
} results[] = {
// clang-format off
#define RESULT(name, text) {name, #name, text},
    RESULT(CUDA_SUCCESS, "no error")
    RESULT(CUDA_ERROR_INVALID_VALUE, "invalid argument")
    RESULT(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")
    RESULT(CUDA_ERROR_NOT_INITIALIZED, "initialization error")
    RESULT(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected")
    RESULT(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal")
    RESULT(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid")
    RESULT(CUDA_ERROR_INVALID_CONTEXT, "invalid device context")
    RESULT(CUDA_ERROR_ALREADY_MAPPED, "resource already mapped")
    RESULT(CUDA_ERROR_INVALID_PTX, "a PTX JIT compilation failed")
    RESULT(CUDA_ERROR_FILE_NOT_FOUND, "file not found")
    RESULT(CUDA_ERROR_OPERATING_SYSTEM, "OS call failed or operation not supported on this OS")
    RESULT(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle")
    RESULT(CUDA_ERROR_ILLEGAL_STATE, "the operation cannot be performed in the present state")
    RESULT(CUDA_ERROR_NOT_FOUND, "named symbol not found")
    RESULT(CUDA_ERROR_NOT_READY, "device not ready")
    RESULT(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE, "cannot set while device is active in this process")
    RESULT(CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed")
    RESULT(CUDA_ERROR_NOT_PERMITTED, "operation not permitted")
    RESULT(CUDA_ERROR_NOT_SUPPORTED, "operation not supported")
    RESULT(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "system has unsupported display driver / cuda driver combination")
    RESULT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing")
    RESULT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture")
    RESULT(CUDA_ERROR_STREAM_CAPTURE_MERGE, "operation would merge two captures")
    RESULT(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "capture was begun in another stream")
    RESULT(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "capture would depend on work outside of it")
    RESULT(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "operation would make the default stream depend on a capturing one")
    RESULT(CUDA_ERROR_CAPTURED_EVENT, "operation not permitted on an event recorded in a capturing stream")
    RESULT(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "capture was begun by another thread")
    RESULT(CUDA_ERROR_UNKNOWN, "unknown error")
#undef RESULT
    // clang-format on
};

static CUresult find(CUresult error, unsigned *row) {
    for (*row = 0; *row < sizeof(results) / sizeof(results[0]); (*row)++)
        if (results[*row].result == error)
            return CUDA_SUCCESS;
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorName(CUresult error, const char **name) {
    unsigned row;
    if (name == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = find(error, &row);
    *name = result == CUDA_SUCCESS ? results[row].name : NULL;
    return result;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
    unsigned row;
    if (text == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = find(error, &row);
    *text = result == CUDA_SUCCESS ? results[row].text : NULL;
    return result;
}
