/*
 * An NVML that lists a crowd: as much of the real one's as libvgpu.so asks about the memory of its process.
 *
 * CROWDED_ROWS is how many others it lists before the process that asks, which has 1 GiB. For each question it appends
 * a byte to the file CROWDED_QUESTIONS: `+` if the list fitted, else `-`.
 */
#include "abi/nvml.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct nvmlDevice_st {
    int unused;
};
static struct nvmlDevice_st gpu;

nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *rows);

nvmlReturn_t nvmlInit_v2(void) {
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    (void)uuid;
    *device = &gpu;
    return NVML_SUCCESS;
}

static void note(int fits) {
    int file = open(getenv("CROWDED_QUESTIONS"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0 || write(file, fits ? "+" : "-", 1) != 1 || close(file) != 0)
        abort();
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                     nvmlProcessInfo_t *rows) {
    (void)device;
    unsigned int others = (unsigned int)atoi(getenv("CROWDED_ROWS")), room = *count;
    for (unsigned int row = 0; row < others && row < room; row++)
        rows[row] = (nvmlProcessInfo_t){.pid = UINT32_MAX - row, .usedGpuMemory = 1};
    if (others < room)
        rows[others] = (nvmlProcessInfo_t){.pid = (unsigned int)getpid(), .usedGpuMemory = UINT64_C(1) << 30};
    *count = others + 1;
    note(others < room);
    return others < room ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}
