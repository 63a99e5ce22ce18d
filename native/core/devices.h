/* Which limited GPU a CUDA device, context, stream or NVML handle is: found by UUID, never by index. */
#ifndef HAMI_CORE_DEVICES_H
#define HAMI_CORE_DEVICES_H

#include "core/gpu.h"
#include "core/hooks.h"

/* Each returns NULL for a GPU that is not limited, and for what the driver itself will refuse. */
struct gpu *gpu_of_device(CUdevice device);
struct gpu *gpu_of_location(const CUmemLocation *location); /* NULL for one of the host too */
struct gpu *gpu_of_current_context(void);
struct gpu *gpu_of_stream(CUstream stream); /* of which the context need not be current */
struct gpu *gpu_of_nvml_device(nvmlDevice_t device);

/* The device of a location that is on one. */
CUdevice device_of_location(const CUmemLocation *location);

/* What a program is told whose memory in the current context does not fit: that it has no context, if so. */
CUresult refuse_in_current_context(void);

/* What the per-thread variants of functions mean by a stream. */
static inline CUstream or_own(CUstream stream) {
    return stream == NULL ? CU_STREAM_PER_THREAD : stream;
}

/* Whether it stands for one of the default streams, of whatever context is current, and is no handle. */
static inline bool is_default(CUstream stream) {
    return stream == NULL || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
}

/* The device on which the stream's work is done. False if the driver does not say: it will refuse the stream. */
bool device_of_stream(CUstream stream, CUdevice *device);

#endif
