/* Every function of NVML that the simulator has; all others are absent, as they are in an older driver's library.
 *
 * ROW(symbol, arguments) */
#ifndef HAMI_SIM_NVML_TABLE_H
#define HAMI_SIM_NVML_TABLE_H

#include "abi/nvml.h"

// clang-format off
#define NVML_FUNCTIONS(ROW) \
    ROW(nvmlInit, (void)) \
    ROW(nvmlInit_v2, (void)) \
    ROW(nvmlInitWithFlags, (unsigned int flags)) \
    ROW(nvmlShutdown, (void)) \
    ROW(nvmlSystemGetDriverVersion, (char *version, unsigned int size)) \
    ROW(nvmlSystemGetNVMLVersion, (char *version, unsigned int size)) \
    ROW(nvmlSystemGetCudaDriverVersion, (int *version)) \
    ROW(nvmlSystemGetCudaDriverVersion_v2, (int *version)) \
    ROW(nvmlSystemGetProcessName, (unsigned int pid, char *name, unsigned int size)) \
    \
    ROW(nvmlDeviceGetCount, (unsigned int *count)) \
    ROW(nvmlDeviceGetCount_v2, (unsigned int *count)) \
    ROW(nvmlDeviceGetHandleByIndex, (unsigned int index, nvmlDevice_t *device)) \
    ROW(nvmlDeviceGetHandleByIndex_v2, (unsigned int index, nvmlDevice_t *device)) \
    ROW(nvmlDeviceGetHandleByUUID, (const char *uuid, nvmlDevice_t *device)) \
    ROW(nvmlDeviceGetHandleByPciBusId, (const char *id, nvmlDevice_t *device)) \
    ROW(nvmlDeviceGetHandleByPciBusId_v2, (const char *id, nvmlDevice_t *device)) \
    ROW(nvmlDeviceGetIndex, (nvmlDevice_t device, unsigned int *index)) \
    ROW(nvmlDeviceGetUUID, (nvmlDevice_t device, char *uuid, unsigned int size)) \
    ROW(nvmlDeviceGetMinorNumber, (nvmlDevice_t device, unsigned int *minor)) \
    ROW(nvmlDeviceGetName, (nvmlDevice_t device, char *name, unsigned int size)) \
    ROW(nvmlDeviceGetBrand, (nvmlDevice_t device, nvmlBrandType_t *brand)) \
    ROW(nvmlDeviceGetArchitecture, (nvmlDevice_t device, nvmlDeviceArchitecture_t *architecture)) \
    ROW(nvmlDeviceGetCudaComputeCapability, (nvmlDevice_t device, int *major, int *minor)) \
    ROW(nvmlDeviceGetPciInfo, (nvmlDevice_t device, nvmlPciInfo_t *pci)) \
    ROW(nvmlDeviceGetPciInfo_v2, (nvmlDevice_t device, nvmlPciInfo_t *pci)) \
    ROW(nvmlDeviceGetPciInfo_v3, (nvmlDevice_t device, nvmlPciInfo_t *pci)) \
    ROW(nvmlDeviceGetMigMode, (nvmlDevice_t device, unsigned int *current, unsigned int *pending)) \
    ROW(nvmlDeviceGetMaxMigDeviceCount, (nvmlDevice_t device, unsigned int *count)) \
    ROW(nvmlDeviceIsMigDeviceHandle, (nvmlDevice_t device, unsigned int *is_mig)) \
    ROW(nvmlDeviceGetMigDeviceHandleByIndex, (nvmlDevice_t device, unsigned int index, nvmlDevice_t *mig)) \
    ROW(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, (nvmlDevice_t mig, nvmlDevice_t *device)) \
    ROW(nvmlDeviceGetGpuInstanceId, (nvmlDevice_t device, unsigned int *id)) \
    ROW(nvmlDeviceGetComputeInstanceId, (nvmlDevice_t device, unsigned int *id)) \
    ROW(nvmlDeviceGetAttributes, (nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)) \
    ROW(nvmlDeviceGetAttributes_v2, (nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)) \
    ROW(nvmlDeviceGetGpuInstanceProfileInfo, (nvmlDevice_t device, unsigned int profile, nvmlGpuInstanceProfileInfo_t *info)) \
    ROW(nvmlDeviceGetGpuInstanceById, (nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *instance)) \
    ROW(nvmlGpuInstanceGetInfo, (nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *info)) \
    ROW(nvmlGpuInstanceGetComputeInstanceProfileInfo, (nvmlGpuInstance_t instance, unsigned int profile, unsigned int engine, nvmlComputeInstanceProfileInfo_t *info)) \
    ROW(nvmlGpuInstanceGetComputeInstanceById, (nvmlGpuInstance_t instance, unsigned int id, nvmlComputeInstance_t *compute)) \
    ROW(nvmlComputeInstanceGetInfo_v2, (nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t *info)) \
    \
    ROW(nvmlDeviceGetMemoryInfo, (nvmlDevice_t device, nvmlMemory_t *memory)) \
    ROW(nvmlDeviceGetMemoryInfo_v2, (nvmlDevice_t device, nvmlMemory_v2_t *memory)) \
    ROW(nvmlDeviceSetMemoryLimits_v1, (nvmlDevice_t device, nvmlSetMemoryLimits_v1_t *limits)) \
    ROW(nvmlDeviceGetMemoryLimits_v1, (nvmlDevice_t device, nvmlGetMemoryLimits_v1_t *limits)) \
    ROW(nvmlDeviceGetBAR1MemoryInfo, (nvmlDevice_t device, nvmlBAR1Memory_t *memory)) \
    ROW(nvmlDeviceGetUtilizationRates, (nvmlDevice_t device, nvmlUtilization_t *rates)) \
    ROW(nvmlDeviceGetProcessUtilization, (nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples, unsigned int *count, unsigned long long since)) \
    ROW(nvmlDeviceGetProcessesUtilizationInfo, (nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info)) \
    \
    ROW(nvmlDeviceGetComputeRunningProcesses, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v1_t *processes)) \
    ROW(nvmlDeviceGetComputeRunningProcesses_v2, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes)) \
    ROW(nvmlDeviceGetComputeRunningProcesses_v3, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes)) \
    ROW(nvmlDeviceGetGraphicsRunningProcesses, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v1_t *processes)) \
    ROW(nvmlDeviceGetGraphicsRunningProcesses_v2, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes)) \
    ROW(nvmlDeviceGetGraphicsRunningProcesses_v3, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes)) \
    ROW(nvmlDeviceGetMPSComputeRunningProcesses, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v1_t *processes)) \
    ROW(nvmlDeviceGetMPSComputeRunningProcesses_v2, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes)) \
    ROW(nvmlDeviceGetMPSComputeRunningProcesses_v3, (nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *processes)) \
    ROW(nvmlDeviceGetRunningProcessDetailList, (nvmlDevice_t device, nvmlProcessDetailList_v1_t *list)) \
    \
    ROW(nvmlDeviceGetTotalEccErrors, (nvmlDevice_t device, nvmlMemoryErrorType_t type, nvmlEccCounterType_t counter, unsigned long long *count)) \
    ROW(nvmlDeviceGetMemoryErrorCounter, (nvmlDevice_t device, nvmlMemoryErrorType_t type, nvmlEccCounterType_t counter, nvmlMemoryLocation_t location, unsigned long long *count)) \
    ROW(nvmlDeviceGetRemappedRows, (nvmlDevice_t device, unsigned int *corrected, unsigned int *uncorrected, unsigned int *pending, unsigned int *failed)) \
    ROW(nvmlDeviceGetFieldValues, (nvmlDevice_t device, int count, nvmlFieldValue_t *values)) \
    ROW(nvmlDeviceGetSupportedEventTypes, (nvmlDevice_t device, unsigned long long *types)) \
    ROW(nvmlDeviceRegisterEvents, (nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set)) \
    ROW(nvmlEventSetCreate, (nvmlEventSet_t *set)) \
    ROW(nvmlEventSetWait_v2, (nvmlEventSet_t set, nvmlEventData_t *data, unsigned int milliseconds)) \
    ROW(nvmlEventSetFree, (nvmlEventSet_t set))
// clang-format on

/* Protected: exported, but NVML's own calls never end in a preloaded library's functions. */
#define DECLARE(symbol, arguments) __attribute__((visibility("protected"))) nvmlReturn_t symbol arguments;
NVML_FUNCTIONS(DECLARE)
#undef DECLARE

__attribute__((visibility("protected"))) const char *nvmlErrorString(nvmlReturn_t result);

#endif
