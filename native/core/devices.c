/* Which limited GPU a CUDA device, context, stream or NVML handle is: found by UUID, never by index. */
#include "core/devices.h"

#include "core/current.h"
#include "core/driver.h"
#include "core/inventory.h"

#include <string.h>

#define NVML_UUID_SIZE 96

/* A process's ordinals keep their meaning as long as it lives. */
#define REMEMBERED_DEVICES 64
static _Atomic(struct gpu *) remembered[REMEMBERED_DEVICES];

/* Remembered for a device that is not limited. */
static struct gpu unlimited;

_Atomic(struct gpu *) only_gpu;

/* The first version gives the UUID of the whole GPU for a MIG device. */
static CUresult device_uuid(CUdevice device, CUuuid *uuid) {
    if (driver_function_or_null(FUNCTION_cuDeviceGetUuid_v2) != NULL)
        return DRIVER(cuDeviceGetUuid_v2)(uuid, device);
    return DRIVER(cuDeviceGetUuid)(uuid, device);
}

static void remember(CUdevice device, struct gpu *gpu) {
    int count;
    if (device < REMEMBERED_DEVICES)
        atomic_store_explicit(&remembered[device], gpu, memory_order_release);
    if (gpu != &unlimited && DRIVER(cuDeviceGetCount)(&count) == CUDA_SUCCESS && count == 1)
        atomic_store_explicit(&only_gpu, gpu, memory_order_release);
}

static COLD struct gpu *look_up(CUdevice device) {
    CUuuid answer;
    struct uuid uuid;
    CUresult result = device_uuid(device, &answer);
    if (result == CUDA_ERROR_INVALID_DEVICE || result == CUDA_ERROR_NOT_INITIALIZED)
        return NULL;
    if (result != CUDA_SUCCESS)
        return inventory_closed_gpu();
    memcpy(uuid.bytes, answer.bytes, sizeof uuid.bytes);
    struct gpu *gpu = inventory_gpu(&uuid);
    remember(device, gpu != NULL ? gpu : &unlimited);
    return gpu;
}

struct gpu *gpu_of_device(CUdevice device) {
    if (!inventory_limits())
        return NULL;
    struct gpu *gpu = NULL;
    if (device >= 0 && device < REMEMBERED_DEVICES)
        gpu = atomic_load_explicit(&remembered[device], memory_order_acquire);
    if (gpu == NULL)
        return look_up(device);
    return gpu != &unlimited ? gpu : NULL;
}

CUdevice device_of_location(const CUmemLocation *location) {
    /* Of a locality domain the lowest byte is the device, the next one the domain. */
    return location->type == CU_MEM_LOCATION_TYPE_DEVICE ? location->id : location->id & 0xff;
}

struct gpu *gpu_of_location(const CUmemLocation *location) {
    bool is_on_device =
        location->type == CU_MEM_LOCATION_TYPE_DEVICE || location->type == CU_MEM_LOCATION_TYPE_DEVICE_LOCALITY_DOMAIN;
    return is_on_device ? gpu_of_device(device_of_location(location)) : NULL;
}

COLD struct gpu *ask_gpu_of_current_context(void) {
    CUdevice device;
    return inventory_limits() && DRIVER(cuCtxGetDevice)(&device) == CUDA_SUCCESS ? gpu_of_device(device) : NULL;
}

COLD CUresult refuse_in_current_context(void) {
    CUdevice device;
    CUresult result = DRIVER(cuCtxGetDevice)(&device);
    return result != CUDA_SUCCESS ? result : CUDA_ERROR_OUT_OF_MEMORY;
}

static bool device_of_context(CUcontext context, CUdevice *device) {
    if (!context_enter(context))
        return false;
    bool found = DRIVER(cuCtxGetDevice)(device) == CUDA_SUCCESS;
    context_leave();
    return found;
}

/* Drivers before CUDA 12.8 tell the context only, but these know no streams of green ones. */
bool device_of_stream(CUstream stream, CUdevice *device) {
    CUcontext own, current;
    if (is_default(stream))
        return DRIVER(cuCtxGetDevice)(device) == CUDA_SUCCESS;
    if (driver_function_or_null(FUNCTION_cuStreamGetDevice) != NULL)
        return DRIVER(cuStreamGetDevice)(stream, device) == CUDA_SUCCESS;
    if (DRIVER(cuStreamGetCtx)(stream, &own) != CUDA_SUCCESS || DRIVER(cuCtxGetCurrent)(&current) != CUDA_SUCCESS ||
        own == current)
        return DRIVER(cuCtxGetDevice)(device) == CUDA_SUCCESS;
    return device_of_context(own, device);
}

COLD struct gpu *ask_gpu_of_stream(CUstream stream) {
    CUdevice device;
    return inventory_limits() && device_of_stream(stream, &device) ? gpu_of_device(device) : NULL;
}

struct gpu *gpu_of_nvml_device(nvmlDevice_t device) {
    if (!inventory_limits())
        return NULL;
    char text[NVML_UUID_SIZE];
    struct uuid uuid;
    if (DRIVER(nvmlDeviceGetUUID)(device, text, sizeof text) != NVML_SUCCESS || !uuid_parse(text, &uuid))
        return inventory_closed_gpu();
    return inventory_gpu(&uuid);
}
