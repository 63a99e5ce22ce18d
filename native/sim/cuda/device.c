/* Devices: what there is, and what it can do. */
#include "sim/common/mig.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CUresult cuDeviceGetCount(int *count) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (count == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *count = process_get()->device_count;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(ordinal, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (device == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (name == NULL || size <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    snprintf(name, (size_t)size, "%s", gpu->name);
    return CUDA_SUCCESS;
}

/* From its text, GPU-… or MIG-…. */
static void read_uuid(const struct sim_gpu *gpu, CUuuid *uuid) {
    const char *digit = gpu->uuid + strlen("GPU-");
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        char byte[3] = {digit[0], digit[1], '\0'};
        uuid->bytes[i] = (char)strtol(byte, NULL, 16);
        digit += digit[2] == '-' ? 3 : 2;
    }
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (uuid == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    read_uuid(gpu, uuid);
    return CUDA_SUCCESS;
}

/* Of a MIG device that of its GPU. */
CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
    const struct process *self = process_get();
    CUresult result = cuDeviceGetUuid_v2(uuid, device);
    if (result == CUDA_SUCCESS)
        read_uuid(&self->machine.state->gpus[mig_gpu_of(self->machine.state, self->gpus[device])], uuid);
    return result;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (bytes == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *bytes = gpu->memory;
    return CUDA_SUCCESS;
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (major == NULL || minor == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *major = (int)gpu->compute_major;
    *minor = (int)gpu->compute_minor;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (id == NULL || size <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    int length = snprintf(id, (size_t)size, "%04x:%02x:%02x.0", gpu->domain, gpu->bus, gpu->device);
    return length < size ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* Accepts [domain:]bus:device[.function]. */
CUresult cuDeviceGetByPCIBusId(CUdevice *device, const char *id) {
    const struct process *self = process_get();
    if (self == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    unsigned domain = 0;
    unsigned bus;
    unsigned slot;
    if (device == NULL || id == NULL ||
        (sscanf(id, "%x:%x:%x", &domain, &bus, &slot) != 3 && (domain = 0, sscanf(id, "%x:%x", &bus, &slot) != 2)))
        return CUDA_ERROR_INVALID_VALUE;
    for (CUdevice i = 0; i < self->device_count; i++) {
        const struct sim_gpu *gpu = &self->machine.state->gpus[self->gpus[i]];
        if (gpu->domain == domain && gpu->bus == bus && gpu->device == slot) {
            *device = i;
            return CUDA_SUCCESS;
        }
    }
    return CUDA_ERROR_INVALID_DEVICE;
}

/* Peer access is not simulated: no device reaches another's memory. */
CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result == CUDA_SUCCESS)
        result = process_gpu(peer, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (can == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *can = 0;
    return CUDA_SUCCESS;
}

/* What all simulated devices have in common; the figures are a data-centre GPU's. What is not listed is 0, which for
 * most attributes says that the device cannot do it. */
static const int common_attributes[CU_DEVICE_ATTRIBUTE_MAX] = {
    [CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK] = 1024,
    [CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X] = 1024,
    [CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y] = 1024,
    [CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z] = 64,
    [CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X] = 2147483647,
    [CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y] = 65535,
    [CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z] = 65535,
    [CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK] = 49152,
    [CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY] = 65536,
    [CU_DEVICE_ATTRIBUTE_WARP_SIZE] = 32,
    [CU_DEVICE_ATTRIBUTE_MAX_PITCH] = 2147483647,
    [CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK] = 65536,
    [CU_DEVICE_ATTRIBUTE_CLOCK_RATE] = 1410000,
    [CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT] = 512,
    [CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY] = 1,
    [CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS] = 1,
    [CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE] = 1593000,
    [CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH] = 5120,
    [CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE] = 41943040,
    [CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR] = 2048,
    [CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT] = 3,
    [CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING] = 1,
    [CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT] = 32,
    [CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED] = 1,
    [CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR] = 167936,
    [CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR] = 65536,
    [CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY] = 1,
    [CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS] = 1,
    [CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN] = 166912,
    [CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED] = 1,
    [CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR] = 32,
    [CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED] = 1,
    [CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED] = 1,
    [CU_DEVICE_ATTRIBUTE_DEFERRED_MAPPING_CUDA_ARRAY_SUPPORTED] = 1,
    [CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED] = 1,
};

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (value == NULL || (int)attribute < 1 || attribute >= CU_DEVICE_ATTRIBUTE_MAX)
        return CUDA_ERROR_INVALID_VALUE;
    switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        *value = (int)gpu->multiprocessors;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
        *value = (int)gpu->compute_major;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
        *value = (int)gpu->compute_minor;
        break;
    case CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID:
        *value = (int)gpu->domain;
        break;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
        *value = (int)gpu->bus;
        break;
    case CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID:
        *value = (int)gpu->device;
        break;
    default:
        *value = common_attributes[attribute];
    }
    return CUDA_SUCCESS;
}
