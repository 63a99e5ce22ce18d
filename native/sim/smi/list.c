/* -L: a line per GPU and MIG device. */
#include "sim/smi/mig.h"
#include "sim/smi/nvml.h"
#include "sim/smi/smi.h"

#include <stdio.h>

int smi_list(void) {
    unsigned count;
    nvmlReturn_t result = nvml.count(&count);
    for (unsigned i = 0; result == NVML_SUCCESS && i < count; i++) {
        nvmlDevice_t device;
        char name[96];
        char uuid[96];
        result = nvml.handle(i, &device);
        if (result == NVML_SUCCESS)
            result = nvml.name(device, name, sizeof(name));
        if (result == NVML_SUCCESS)
            result = nvml.uuid(device, uuid, sizeof(uuid));
        if (result == NVML_SUCCESS)
            printf("GPU %u: %s (UUID: %s)\n", i, name, uuid);
        if (result == NVML_SUCCESS)
            result = mig_list(device);
    }
    return result == NVML_SUCCESS ? 0 : nvml_failed("list the GPUs", result);
}
