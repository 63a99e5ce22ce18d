/* Which limited GPU a CUDA device, context, stream or NVML handle is: found by UUID, never by index. */
#ifndef HAMI_CORE_DEVICES_H
#define HAMI_CORE_DEVICES_H

#include "core/cold.h"
#include "core/gpu.h"
#include "core/hooks.h"

/* Each returns NULL for a GPU that is not limited, and for what the driver itself will refuse. */
struct gpu *gpu_of_device(CUdevice device);
struct gpu *gpu_of_location(const CUmemLocation *location); /* NULL for one of the host too */
struct gpu *gpu_of_nvml_device(nvmlDevice_t device);

/* Where a process sees one device only, every context is on it: then this is its GPU, and the driver need not be asked.
 * NULL as long as that is not known, and where the device is not limited. */
extern _Atomic(struct gpu *) only_gpu;

COLD struct gpu *ask_gpu_of_current_context(void);
COLD struct gpu *ask_gpu_of_stream(CUstream stream);

static inline struct gpu *gpu_of_current_context(void) {
    struct gpu *gpu = atomic_load_explicit(&only_gpu, memory_order_acquire);
    return gpu != NULL ? gpu : ask_gpu_of_current_context();
}

/* Where its work is done: its context need not be current. */
static inline struct gpu *gpu_of_stream(CUstream stream) {
    struct gpu *gpu = atomic_load_explicit(&only_gpu, memory_order_acquire);
    return gpu != NULL ? gpu : ask_gpu_of_stream(stream);
}

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
