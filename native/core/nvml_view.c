/* What NVML shows of a GPU's memory: nvmlDeviceGetMemoryInfo. */
#include "core/devices.h"
#include "core/driver.h"
#include "core/view.h"

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetMemoryInfo)(device, memory);
    struct gpu *gpu = result == NVML_SUCCESS ? gpu_of_nvml_device(device) : NULL;
    if (gpu == NULL)
        return result;
    struct view view = view_of(gpu, memory->total);
    *memory = (nvmlMemory_t){.total = view.total, .free = view.total - view.used, .used = view.used};
    return result;
}

/* `reserved` is the driver's own part of the whole GPU: a share has none. */
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetMemoryInfo_v2)(device, memory);
    struct gpu *gpu = result == NVML_SUCCESS ? gpu_of_nvml_device(device) : NULL;
    if (gpu == NULL)
        return result;
    struct view view = view_of(gpu, memory->total);
    *memory = (nvmlMemory_v2_t){
        .version = memory->version, .total = view.total, .free = view.total - view.used, .used = view.used};
    return result;
}
