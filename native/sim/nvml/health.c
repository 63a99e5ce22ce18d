/* What is wrong with a device: errors of its memory, rows that were replaced, and what the driver wants done. */
#include "sim/nvml/health.h"

#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

#include <stdlib.h>

enum { BRAND_NVS = 3, BRAND_GEFORCE = 5, BRAND_TITAN = 6, BRAND_GEFORCE_RTX = 15, BRAND_TITAN_RTX = 16 };
enum { ARCHITECTURE_AMPERE = 7 };
enum { DRIVER_WITH_RECOVERY_ACTION = 565 };

bool health_has_ecc(const struct sim_gpu *gpu) {
    switch (gpu->brand) {
    case BRAND_NVS:
    case BRAND_GEFORCE:
    case BRAND_TITAN:
    case BRAND_GEFORCE_RTX:
    case BRAND_TITAN_RTX:
        return false;
    default:
        return true;
    }
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t type, nvmlEccCounterType_t counter,
                                         unsigned long long *count) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, count, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (type >= NVML_MEMORY_ERROR_TYPE_COUNT || counter >= NVML_ECC_COUNTER_TYPE_COUNT)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!health_has_ecc(gpu))
        return NVML_ERROR_NOT_SUPPORTED;
    *count = atomic_load(&library_health(device)->ecc[type][counter]);
    return NVML_SUCCESS;
}

/* All errors here are in the device's memory, none in its caches. */
nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t device, nvmlMemoryErrorType_t type,
                                             nvmlEccCounterType_t counter, nvmlMemoryLocation_t location,
                                             unsigned long long *count) {
    nvmlReturn_t result = nvmlDeviceGetTotalEccErrors(device, type, counter, count);
    if (result != NVML_SUCCESS)
        return result;
    if (location >= NVML_MEMORY_LOCATION_COUNT)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (location != NVML_MEMORY_LOCATION_DRAM)
        *count = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned int *corrected, unsigned int *uncorrected,
                                       unsigned int *pending, unsigned int *failed) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, device, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (corrected == NULL || uncorrected == NULL || pending == NULL || failed == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!health_has_ecc(gpu) || gpu->architecture < ARCHITECTURE_AMPERE)
        return NVML_ERROR_NOT_SUPPORTED;
    const struct sim_health *health = library_health(device);
    *corrected = atomic_load(&health->remapped[SIM_ECC_CORRECTED]);
    *uncorrected = atomic_load(&health->remapped[SIM_ECC_UNCORRECTED]);
    *pending = atomic_load(&health->remap_pending);
    *failed = atomic_load(&health->remap_failed);
    return NVML_SUCCESS;
}

static nvmlReturn_t read_field(nvmlDevice_t device, nvmlFieldValue_t *field) {
    if (field->fieldId != NVML_FI_DEV_GET_GPU_RECOVERY_ACTION ||
        atoi(library_machine()->state->driver_version) < DRIVER_WITH_RECOVERY_ACTION)
        return NVML_ERROR_NOT_SUPPORTED;
    field->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
    field->value.uiVal = atomic_load(&library_health(device)->recovery_action);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, values, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    for (int i = 0; i < count; i++)
        values[i].nvmlReturn = read_field(device, &values[i]);
    return NVML_SUCCESS;
}
