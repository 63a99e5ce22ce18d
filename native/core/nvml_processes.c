/*
 * NVML's process lists: the share's own processes, by the share's accounts.
 *
 * The driver lists whoever has a context on the GPU, neighbours included. It is asked all the same, for no rows: it
 * knows whether the device, the arguments and the version are good.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/processes.h"

/* Of a MIG device; both NVML_VALUE_NOT_AVAILABLE for a GPU. */
struct instances {
    unsigned int gpu;
    unsigned int compute;
};

/* Writes one row of the caller's array, whose rows are of one structure or another. */
typedef void put_row(void *rows, unsigned int row, const struct process_use *use, const struct instances *in);

static void put_v1(void *rows, unsigned int row, const struct process_use *use, const struct instances *in) {
    (void)in;
    ((nvmlProcessInfo_v1_t *)rows)[row] = (nvmlProcessInfo_v1_t){.pid = use->pid, .usedGpuMemory = use->bytes};
}

static void put_v2(void *rows, unsigned int row, const struct process_use *use, const struct instances *in) {
    ((nvmlProcessInfo_t *)rows)[row] = (nvmlProcessInfo_t){
        .pid = use->pid, .usedGpuMemory = use->bytes, .gpuInstanceId = in->gpu, .computeInstanceId = in->compute};
}

static void put_detail(void *rows, unsigned int row, const struct process_use *use, const struct instances *in) {
    ((nvmlProcessDetail_v1_t *)rows)[row] = (nvmlProcessDetail_v1_t){
        .pid = use->pid, .usedGpuMemory = use->bytes, .gpuInstanceId = in->gpu, .computeInstanceId = in->compute};
}

static struct instances instances_of(nvmlDevice_t device) {
    struct instances in;
    if (DRIVER(nvmlDeviceGetGpuInstanceId)(device, &in.gpu) != NVML_SUCCESS ||
        DRIVER(nvmlDeviceGetComputeInstanceId)(device, &in.compute) != NVML_SUCCESS)
        in = (struct instances){NVML_VALUE_NOT_AVAILABLE, NVML_VALUE_NOT_AVAILABLE};
    return in;
}

/* Fills at most *count rows; *count becomes the number of processes. */
static nvmlReturn_t put_all(const struct processes *found, nvmlDevice_t device, unsigned int *count, void *rows,
                            put_row *put) {
    struct instances in = instances_of(device);
    if (*count > 0 && rows == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned int i = 0; i < found->count && i < *count; i++)
        put(rows, i, &found->uses[i], &in);
    bool fits = found->count <= *count;
    *count = found->count;
    return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

static nvmlReturn_t list_own(nvmlReturn_t checked, const struct gpu *gpu, nvmlDevice_t device, unsigned int *count,
                             void *rows, put_row *put) {
    struct processes found;
    if (checked != NVML_SUCCESS && checked != NVML_ERROR_INSUFFICIENT_SIZE)
        return checked;
    if (!processes_find(gpu, &found))
        return NVML_ERROR_MEMORY;
    nvmlReturn_t result = put_all(&found, device, count, rows, put);
    processes_free(&found);
    return result;
}

static nvmlReturn_t list_nobody(nvmlReturn_t checked, unsigned int *count) {
    if (checked != NVML_SUCCESS && checked != NVML_ERROR_INSUFFICIENT_SIZE)
        return checked;
    *count = 0;
    return NVML_SUCCESS;
}

#define CHECK(name, device, count) DRIVER(name)((device), (count) != NULL ? &(unsigned int){0} : NULL, NULL)

#define LIST_OWN(name, row, put)                                                                                       \
    nvmlReturn_t name(nvmlDevice_t device, unsigned int *count, row *rows) {                                           \
        struct gpu *gpu = gpu_of_nvml_device(device);                                                                  \
        if (gpu == NULL)                                                                                               \
            return DRIVER(name)(device, count, rows);                                                                  \
        return list_own(CHECK(name, device, count), gpu, device, count, rows, put);                                    \
    }

/* What of a share's processes draws, or goes through MPS, its accounts do not tell: all of them compute. */
#define LIST_NOBODY(name, row)                                                                                         \
    nvmlReturn_t name(nvmlDevice_t device, unsigned int *count, row *rows) {                                           \
        if (gpu_of_nvml_device(device) == NULL)                                                                        \
            return DRIVER(name)(device, count, rows);                                                                  \
        return list_nobody(CHECK(name, device, count), count);                                                         \
    }

LIST_OWN(nvmlDeviceGetComputeRunningProcesses, nvmlProcessInfo_v1_t, put_v1)
LIST_OWN(nvmlDeviceGetComputeRunningProcesses_v2, nvmlProcessInfo_t, put_v2)
LIST_OWN(nvmlDeviceGetComputeRunningProcesses_v3, nvmlProcessInfo_t, put_v2)
LIST_NOBODY(nvmlDeviceGetGraphicsRunningProcesses, nvmlProcessInfo_v1_t)
LIST_NOBODY(nvmlDeviceGetGraphicsRunningProcesses_v2, nvmlProcessInfo_t)
LIST_NOBODY(nvmlDeviceGetGraphicsRunningProcesses_v3, nvmlProcessInfo_t)
LIST_NOBODY(nvmlDeviceGetMPSComputeRunningProcesses, nvmlProcessInfo_v1_t)
LIST_NOBODY(nvmlDeviceGetMPSComputeRunningProcesses_v2, nvmlProcessInfo_t)
LIST_NOBODY(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvmlProcessInfo_t)

nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, nvmlProcessDetailList_v1_t *list) {
    struct gpu *gpu = gpu_of_nvml_device(device);
    if (gpu == NULL || list == NULL)
        return DRIVER(nvmlDeviceGetRunningProcessDetailList)(device, list);
    nvmlProcessDetailList_v1_t question = {.version = list->version, .mode = list->mode};
    nvmlReturn_t checked = DRIVER(nvmlDeviceGetRunningProcessDetailList)(device, &question);
    if (list->mode == NVML_PROCESS_MODE_COMPUTE || list->mode == NVML_PROCESS_MODE_ALL)
        return list_own(checked, gpu, device, &list->numProcArrayEntries, list->procArray, put_detail);
    return list_nobody(checked, &list->numProcArrayEntries);
}
