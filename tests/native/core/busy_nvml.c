/*
 * An NVML whose one GPU is busy: as much of the real one's as asks who uses a GPU's time, with made-up answers.
 *
 * BUSY_GPU is the GPU's UUID, BUSY_PROCESSES who keeps it busy: `PID:PERCENT` for each, with commas between.
 */
#include "abi/nvml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nvmlDevice_st {
    int unused;
};
static struct nvmlDevice_st gpu;

nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlInitWithFlags(unsigned int flags);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length);
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates);
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned int *count, unsigned long long since);
nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info);

nvmlReturn_t nvmlInit_v2(void) {
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    *device = &gpu;
    return index == 0 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length) {
    (void)device;
    snprintf(uuid, length, "%s", getenv("BUSY_GPU"));
    return NVML_SUCCESS;
}

/* Writes up to `room` processes; returns how many there are. */
static unsigned int read_processes(nvmlProcessUtilizationInfo_v1_t *processes, unsigned int room) {
    unsigned int count = 0;
    for (const char *entry = getenv("BUSY_PROCESSES"); entry != NULL; count++) {
        nvmlProcessUtilizationInfo_v1_t one = {.timeStamp = 1};
        sscanf(entry, "%u:%u", &one.pid, &one.smUtil);
        one.memUtil = one.smUtil / 2;
        if (count < room)
            processes[count] = one;
        const char *comma = strchr(entry, ',');
        entry = comma != NULL ? comma + 1 : NULL;
    }
    return count;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    (void)device;
    *rates = (nvmlUtilization_t){.gpu = 99, .memory = 98};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info) {
    (void)device;
    unsigned int room = info->processSamplesCount;
    info->processSamplesCount = read_processes(info->procUtilArray, room);
    return info->processSamplesCount <= room ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned int *count, unsigned long long since) {
    (void)device;
    (void)since;
    nvmlProcessUtilizationInfo_v1_t processes[16];
    if (getenv("BUSY_UNMEASURED") != NULL)
        return NVML_ERROR_NOT_SUPPORTED;
    unsigned int room = *count;
    *count = read_processes(processes, 16);
    for (unsigned int i = 0; i < *count && i < room; i++)
        samples[i] = (nvmlProcessUtilizationSample_t){.pid = processes[i].pid,
                                                      .timeStamp = processes[i].timeStamp,
                                                      .smUtil = processes[i].smUtil,
                                                      .memUtil = processes[i].memUtil};
    return *count <= room ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}
