/* What nvidia-smi shows of MIG devices. */
#include "sim/smi/mig.h"

#include "sim/smi/nvml.h"

#include <stdio.h>
#include <string.h>

unsigned mig_devices(nvmlDevice_t gpu, nvmlDevice_t devices[SMI_MIG_DEVICES]) {
    unsigned most;
    unsigned count = 0;
    if (nvml.mig_count(gpu, &most) != NVML_SUCCESS)
        return 0;
    for (unsigned i = 0; i < most && count < SMI_MIG_DEVICES; i++)
        if (nvml.mig_handle(gpu, i, &devices[count]) == NVML_SUCCESS)
            count++;
    return count;
}

/* The profile, which NVML has at the end of the name: … MIG 1g.5gb. */
static const char *profile_in(const char *name) {
    const char *mark = strstr(name, " MIG ");
    return mark != NULL ? mark + strlen(" MIG ") : "";
}

nvmlReturn_t mig_list(nvmlDevice_t gpu) {
    nvmlDevice_t devices[SMI_MIG_DEVICES];
    unsigned count = mig_devices(gpu, devices);
    for (unsigned i = 0; i < count; i++) {
        char name[96];
        char uuid[96];
        nvmlReturn_t result = nvml.name(devices[i], name, sizeof(name));
        if (result == NVML_SUCCESS)
            result = nvml.uuid(devices[i], uuid, sizeof(uuid));
        if (result != NVML_SUCCESS)
            return result;
        printf("  MIG %-11s Device %2u: (UUID: %s)\n", profile_in(name), i, uuid);
    }
    return NVML_SUCCESS;
}

nvmlReturn_t mig_print_rows(unsigned index, nvmlDevice_t gpu) {
    nvmlDevice_t devices[SMI_MIG_DEVICES];
    unsigned count = mig_devices(gpu, devices);
    for (unsigned i = 0; i < count; i++) {
        char name[96];
        nvmlMemory_t memory;
        unsigned instance;
        nvmlReturn_t result = nvml.name(devices[i], name, sizeof(name));
        if (result == NVML_SUCCESS)
            result = nvml.memory(devices[i], &memory);
        if (result == NVML_SUCCESS)
            result = nvml.instance(devices[i], &instance);
        if (result != NVML_SUCCESS)
            return result;
        char usage[64];
        snprintf(usage, sizeof(usage), "%lluMiB / %lluMiB", memory.used >> 20, memory.total >> 20);
        printf("| %4u  %4u  %4u  %-21s | %22s |                      |\n", index, instance, i, profile_in(name), usage);
    }
    return NVML_SUCCESS;
}
