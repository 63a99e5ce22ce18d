/* What NVML shows of a GPU's memory: nvmlDeviceGetMemoryInfo, nvmlDeviceGetBAR1MemoryInfo. */
#include "core/devices.h"
#include "core/driver.h"
#include "core/view.h"

__extension__ typedef unsigned __int128 product;

static uint64_t part_of(uint64_t whole, uint64_t numerator, uint64_t denominator) {
    return denominator != 0 ? (uint64_t)((product)whole * numerator / denominator) : 0;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetMemoryInfo)(device, memory);
    struct gpu *gpu = result == NVML_SUCCESS ? gpu_of_nvml_device(device) : NULL;
    if (gpu == NULL)
        return result;
    struct view view = view_of(gpu, memory->free, memory->total);
    *memory = (nvmlMemory_t){.total = view.total, .free = view.free, .used = view.total - view.free};
    return result;
}

/* `reserved` is what nobody in the container uses and the driver does not give all the same. */
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetMemoryInfo_v2)(device, memory);
    struct gpu *gpu = result == NVML_SUCCESS ? gpu_of_nvml_device(device) : NULL;
    if (gpu == NULL)
        return result;
    struct view view = view_of(gpu, memory->free, memory->total);
    *memory = (nvmlMemory_v2_t){.version = memory->version,
                                .total = view.total,
                                .reserved = view.total - view.used - view.free,
                                .free = view.free,
                                .used = view.used};
    return result;
}

/* The window through which the CPU reaches device memory. It cannot be told which part of it the share's processes use,
 * so a share is shown the same part of the window, and of what is used of it, as it has of the memory. */
nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *memory) {
    nvmlMemory_t real;
    nvmlReturn_t result = DRIVER(nvmlDeviceGetBAR1MemoryInfo)(device, memory);
    struct gpu *gpu = result == NVML_SUCCESS ? gpu_of_nvml_device(device) : NULL;
    if (gpu == NULL || DRIVER(nvmlDeviceGetMemoryInfo)(device, &real) != NVML_SUCCESS)
        return result;
    uint64_t share = view_of(gpu, UINT64_MAX, real.total).total;
    uint64_t total = part_of(memory->bar1Total, share, real.total);
    uint64_t used = part_of(memory->bar1Used, share, real.total);
    *memory = (nvmlBAR1Memory_t){.bar1Total = total, .bar1Free = total - used, .bar1Used = used};
    return result;
}
