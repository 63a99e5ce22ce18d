/* Copies and fills memory, on the host: device memory has addresses of this process.
 *
 * That takes no time of the device. What is synchronous waits for what is before it in its stream; the rest is done at
 * once, for no kernel here computes anything that could come too late.
 */
#include "sim/cuda/context.h"
#include "sim/cuda/memory.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

#include <string.h>

/* Checks the stream, and waits for it before something `synchronous`. */
static CUresult begin(CUstream stream, bool synchronous) {
    struct timeline *timeline;
    CUresult result = stream_timeline(stream, &timeline);
    if (result == CUDA_SUCCESS && synchronous)
        timeline_synchronize(timeline);
    return result;
}

static CUresult copy(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream, bool synchronous) {
    CUresult result = begin(stream, synchronous);
    if (result == CUDA_SUCCESS && (to == 0 || from == 0) && size != 0)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        result = memory_access(to, size);
    if (result == CUDA_SUCCESS)
        result = memory_access(from, size);
    if (result == CUDA_SUCCESS)
        memmove((void *)to, (void *)from, size);
    return result;
}

/* Defines a copy's four variants. It takes pointers and device pointers alike: here both are addresses. */
#define COPY(synchronous, asynchronous, to_type, from_type)                                                            \
    CUresult synchronous(to_type to, from_type from, size_t size) {                                                    \
        return copy((CUdeviceptr)to, (CUdeviceptr)from, size, NULL, true);                                             \
    }                                                                                                                  \
    CUresult synchronous##_ptds(to_type to, from_type from, size_t size) {                                             \
        return copy((CUdeviceptr)to, (CUdeviceptr)from, size, CU_STREAM_PER_THREAD, true);                             \
    }                                                                                                                  \
    CUresult asynchronous(to_type to, from_type from, size_t size, CUstream stream) {                                  \
        return copy((CUdeviceptr)to, (CUdeviceptr)from, size, stream, false);                                          \
    }                                                                                                                  \
    CUresult asynchronous##_ptsz(to_type to, from_type from, size_t size, CUstream stream) {                           \
        return copy((CUdeviceptr)to, (CUdeviceptr)from, size, stream_or_own(stream), false);                           \
    }

COPY(cuMemcpy, cuMemcpyAsync, CUdeviceptr, CUdeviceptr)
COPY(cuMemcpyHtoD_v2, cuMemcpyHtoDAsync_v2, CUdeviceptr, const void *)
COPY(cuMemcpyDtoH_v2, cuMemcpyDtoHAsync_v2, void *, CUdeviceptr)
COPY(cuMemcpyDtoD_v2, cuMemcpyDtoDAsync_v2, CUdeviceptr, CUdeviceptr)

/* Fills `count` elements of `width` bytes with the low bytes of `value`. */
static CUresult fill(CUdeviceptr to, unsigned value, size_t width, size_t count, CUstream stream, bool synchronous) {
    CUresult result = begin(stream, synchronous);
    size_t size;
    if (result == CUDA_SUCCESS && (to % width != 0 || __builtin_mul_overflow(count, width, &size)))
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        result = memory_access(to, size);
    for (size_t i = 0; result == CUDA_SUCCESS && i < count; i++)
        memcpy((char *)to + i * width, &value, width);
    return result;
}

/* Defines a fill's four variants. */
#define FILL(synchronous, asynchronous, type)                                                                          \
    CUresult synchronous(CUdeviceptr to, type value, size_t count) {                                                   \
        return fill(to, value, sizeof(value), count, NULL, true);                                                      \
    }                                                                                                                  \
    CUresult synchronous##_ptds(CUdeviceptr to, type value, size_t count) {                                            \
        return fill(to, value, sizeof(value), count, CU_STREAM_PER_THREAD, true);                                      \
    }                                                                                                                  \
    CUresult asynchronous(CUdeviceptr to, type value, size_t count, CUstream stream) {                                 \
        return fill(to, value, sizeof(value), count, stream, false);                                                   \
    }                                                                                                                  \
    CUresult asynchronous##_ptsz(CUdeviceptr to, type value, size_t count, CUstream stream) {                          \
        return fill(to, value, sizeof(value), count, stream_or_own(stream), false);                                    \
    }

FILL(cuMemsetD8_v2, cuMemsetD8Async, unsigned char)
FILL(cuMemsetD16_v2, cuMemsetD16Async, unsigned short)
FILL(cuMemsetD32_v2, cuMemsetD32Async, unsigned int)
