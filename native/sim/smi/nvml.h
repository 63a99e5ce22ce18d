/* NVML as nvidia-smi uses it: loaded at run time and called through pointers, like any other NVML client's. */
#ifndef HAMI_SIM_SMI_NVML_H
#define HAMI_SIM_SMI_NVML_H

#include "abi/nvml.h"

/* FUNCTION(member, symbol, arguments) */
#define SMI_FUNCTIONS(FUNCTION)                                                                                        \
    FUNCTION(init, nvmlInit_v2, (void))                                                                                \
    FUNCTION(driver_version, nvmlSystemGetDriverVersion, (char *version, unsigned int size))                           \
    FUNCTION(cuda_version, nvmlSystemGetCudaDriverVersion_v2, (int *version))                                          \
    FUNCTION(process_name, nvmlSystemGetProcessName, (unsigned int pid, char *name, unsigned int size))                \
    FUNCTION(count, nvmlDeviceGetCount_v2, (unsigned int *count))                                                      \
    FUNCTION(handle, nvmlDeviceGetHandleByIndex_v2, (unsigned int index, nvmlDevice_t *device))                        \
    FUNCTION(uuid, nvmlDeviceGetUUID, (nvmlDevice_t device, char *uuid, unsigned int size))                            \
    FUNCTION(name, nvmlDeviceGetName, (nvmlDevice_t device, char *name, unsigned int size))                            \
    FUNCTION(pci, nvmlDeviceGetPciInfo_v3, (nvmlDevice_t device, nvmlPciInfo_t * pci))                                 \
    FUNCTION(memory, nvmlDeviceGetMemoryInfo, (nvmlDevice_t device, nvmlMemory_t * memory))                            \
    FUNCTION(utilization, nvmlDeviceGetUtilizationRates, (nvmlDevice_t device, nvmlUtilization_t * rates))             \
    FUNCTION(mig_count, nvmlDeviceGetMaxMigDeviceCount, (nvmlDevice_t device, unsigned int *count))                    \
    FUNCTION(mig_handle, nvmlDeviceGetMigDeviceHandleByIndex,                                                          \
             (nvmlDevice_t device, unsigned int index, nvmlDevice_t *mig))                                             \
    FUNCTION(instance, nvmlDeviceGetGpuInstanceId, (nvmlDevice_t device, unsigned int *id))                            \
    FUNCTION(processes, nvmlDeviceGetComputeRunningProcesses_v3,                                                       \
             (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes))

struct nvml {
#define MEMBER(member, symbol, arguments) nvmlReturn_t(*member) arguments;
    SMI_FUNCTIONS(MEMBER)
#undef MEMBER
    const char *(*error_string)(nvmlReturn_t result);
};

extern struct nvml nvml;

/* Loads and initializes NVML; prints why it cannot and returns an exit status other than 0 if so. */
int nvml_load(void);

/* Prints what failed and why; returns the exit status for it. */
int nvml_failed(const char *what, nvmlReturn_t result);

#endif
