/* Devices: which there are, and what they are. */
#include "sim/common/mig.h"
#include "sim/nvml/library.h"
#include "sim/nvml/mig.h"
#include "sim/nvml/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (count == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = library_device_count();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned int *count) {
    return nvmlDeviceGetCount_v2(count);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (device == NULL || index >= library_device_count())
        return NVML_ERROR_INVALID_ARGUMENT;
    const struct sim_gpu *gpu;
    *device = library_device(index);
    return library_gpu(*device, &gpu);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device) {
    return nvmlDeviceGetHandleByIndex_v2(index, device);
}

/* The first device for which `matches` holds. */
static nvmlReturn_t find(bool (*matches)(const struct sim_gpu *gpu, const void *key), const void *key,
                         nvmlDevice_t *device) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (key == NULL || device == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned i = 0; i < library_device_count(); i++) {
        const struct sim_gpu *gpu;
        nvmlReturn_t result = library_gpu(library_device(i), &gpu);
        if (matches(gpu, key)) {
            *device = library_device(i);
            return result;
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

static bool has_uuid(const struct sim_gpu *gpu, const void *uuid) {
    return strcmp(gpu->uuid, uuid) == 0;
}

static nvmlReturn_t find_mig_device(const char *uuid, nvmlDevice_t *device) {
    const struct machine *machine = library_machine();
    for (unsigned i = machine->state->gpu_count; i < mig_entries(machine->state); i++) {
        const struct sim_gpu *gpu = &machine->state->gpus[i];
        if (has_uuid(gpu, uuid) && mig_is_visible(i)) {
            *device = library_mig_device(i);
            return library_gpu(*device, &gpu);
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    nvmlReturn_t result = find(has_uuid, uuid, device);
    return result == NVML_ERROR_NOT_FOUND ? find_mig_device(uuid, device) : result;
}

static bool is_at(const struct sim_gpu *gpu, const void *id) {
    unsigned domain;
    unsigned bus;
    unsigned device;
    return sscanf(id, "%x:%x:%x", &domain, &bus, &device) == 3 && gpu->domain == domain && gpu->bus == bus &&
           gpu->device == device;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *device) {
    return find(is_at, id, device);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *id, nvmlDevice_t *device) {
    return find(is_at, id, device);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, index, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *index = mig_is_device(library_machine()->state, device->gpu) ? mig_index(device->gpu)
                                                                  : (unsigned)(device - library_device(0));
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int size) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu(device, &gpu);
    return result != NVML_SUCCESS ? result : library_copy(uuid, size, gpu->uuid);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int size) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu(device, &gpu);
    return result != NVML_SUCCESS ? result : library_copy(name, size, gpu->name);
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int *minor) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, minor, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *minor = gpu->minor;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, nvmlBrandType_t *brand) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, brand, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *brand = gpu->brand;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, nvmlDeviceArchitecture_t *architecture) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, architecture, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *architecture = gpu->architecture;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, device, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (major == NULL || minor == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    *major = (int)gpu->compute_major;
    *minor = (int)gpu->compute_minor;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, pci, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *pci = (nvmlPciInfo_t){.domain = gpu->domain, .bus = gpu->bus, .device = gpu->device, .pciDeviceId = gpu->pci_id};
    snprintf(pci->busIdLegacy, sizeof(pci->busIdLegacy), "%04X:%02X:%02X.0", gpu->domain & 0xffff, gpu->bus & 0xff,
             gpu->device & 0xff);
    snprintf(pci->busId, sizeof(pci->busId), "%08X:%02X:%02X.0", gpu->domain, gpu->bus, gpu->device);
    return NVML_SUCCESS;
}

/* The older versions of the structure end before busId. */
static nvmlReturn_t get_pci_info_without_bus_id(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    nvmlPciInfo_t whole;
    nvmlReturn_t result = nvmlDeviceGetPciInfo_v3(device, &whole);
    if (result != NVML_SUCCESS)
        return result;
    if (pci == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    memcpy(pci, &whole, offsetof(nvmlPciInfo_t, busId));
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    return get_pci_info_without_bus_id(device, pci);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    return get_pci_info_without_bus_id(device, pci);
}
