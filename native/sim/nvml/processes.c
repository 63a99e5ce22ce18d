/* Which processes use a device. */
#include "sim/common/ledger.h"
#include "sim/common/mig.h"
#include "sim/common/shared.h"
#include "sim/common/slots.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

/* Tells what the process in `slot` has on the GPU or MIG device, if it has anything, its PID means something to the
 * caller, and the machine's driver is one that tells. */
static bool process_on(unsigned gpu, unsigned slot, nvmlProcessInfo_t *process) {
    const struct machine *machine = library_machine();
    uint64_t used = ledger_used_by(machine, slot, gpu);
    pid_t pid;
    if (used == 0 && atomic_load(&slots_use(machine, slot, gpu)->contexts) == 0)
        return false;
    if (machine->state->process_list == SIM_PROCESSES_ABSENT || slots_has_ended(machine, slot) ||
        !slots_owner(machine, slot, &pid) || pid == 0)
        return false;
    used += shared_counted_for(machine, pid, gpu);
    if (machine->state->process_list == SIM_PROCESSES_WITHOUT_MEMORY)
        used = 0;
    bool in_mig_device = mig_is_device(machine->state, gpu);
    *process = (nvmlProcessInfo_t){(unsigned)pid, used,
                                   in_mig_device ? machine->state->mig[gpu].instance : NVML_VALUE_NOT_AVAILABLE,
                                   in_mig_device ? 0 : NVML_VALUE_NOT_AVAILABLE};
    return true;
}

/* Writes one row of the caller's array, whose rows are of one structure version or another. */
typedef void put_row(void *rows, unsigned row, const nvmlProcessInfo_t *process);

static void put_v1(void *rows, unsigned row, const nvmlProcessInfo_t *process) {
    ((nvmlProcessInfo_v1_t *)rows)[row] = (nvmlProcessInfo_v1_t){process->pid, process->usedGpuMemory};
}

static void put_v2(void *rows, unsigned row, const nvmlProcessInfo_t *process) {
    ((nvmlProcessInfo_t *)rows)[row] = *process;
}

static void put_detail(void *rows, unsigned row, const nvmlProcessInfo_t *process) {
    ((nvmlProcessDetail_v1_t *)rows)[row] = (nvmlProcessDetail_v1_t){
        process->pid, process->usedGpuMemory, process->gpuInstanceId, process->computeInstanceId, 0};
}

/* The caller's array, with room for so many rows, and how many there would be. */
struct list {
    void *rows;
    put_row *put;
    unsigned room;
    unsigned found;
};

static void list_on(unsigned gpu, struct list *list) {
    for (unsigned slot = 0; slot < slots_count(library_machine()); slot++) {
        nvmlProcessInfo_t process;
        if (!process_on(gpu, slot, &process))
            continue;
        if (list->found < list->room)
            list->put(list->rows, list->found, &process);
        list->found++;
    }
}

/* Fills at most *count rows; *count becomes the number of processes. Of a GPU in MIG mode those on its MIG devices. */
static nvmlReturn_t list_processes(nvmlDevice_t device, unsigned *count, void *rows, put_row *put) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_use_for(device, device, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (count == NULL || (*count > 0 && rows == NULL))
        return NVML_ERROR_INVALID_ARGUMENT;
    struct list list = {rows, put, *count, 0};
    unsigned devices[MIG_MAX_DEVICES];
    unsigned divisions = mig_devices(library_machine()->state, device->gpu, devices);
    list_on(device->gpu, &list);
    for (unsigned i = 0; i < divisions; i++)
        list_on(devices[i], &list);
    *count = list.found;
    return list.found <= list.room ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int *count,
                                                  nvmlProcessInfo_v1_t *processes) {
    return list_processes(device, count, processes, put_v1);
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int *count,
                                                     nvmlProcessInfo_t *processes) {
    return list_processes(device, count, processes, put_v2);
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                     nvmlProcessInfo_t *processes) {
    return list_processes(device, count, processes, put_v2);
}

/* All contexts here are for compute, and none goes through MPS. */
static nvmlReturn_t list_nothing(nvmlDevice_t device, unsigned *count) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, count, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *count = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned int *count,
                                                   nvmlProcessInfo_v1_t *processes) {
    (void)processes;
    return list_nothing(device, count);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned int *count,
                                                      nvmlProcessInfo_t *processes) {
    (void)processes;
    return list_nothing(device, count);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                      nvmlProcessInfo_t *processes) {
    (void)processes;
    return list_nothing(device, count);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(nvmlDevice_t device, unsigned int *count,
                                                     nvmlProcessInfo_v1_t *processes) {
    (void)processes;
    return list_nothing(device, count);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int *count,
                                                        nvmlProcessInfo_t *processes) {
    (void)processes;
    return list_nothing(device, count);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                        nvmlProcessInfo_t *processes) {
    (void)processes;
    return list_nothing(device, count);
}

nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, nvmlProcessDetailList_v1_t *list) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, list, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (list->version != NVML_STRUCT_VERSION(nvmlProcessDetailList_v1_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (list->mode > NVML_PROCESS_MODE_ALL)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (list->mode == NVML_PROCESS_MODE_COMPUTE || list->mode == NVML_PROCESS_MODE_ALL)
        return list_processes(device, &list->numProcArrayEntries, list->procArray, put_detail);
    return list_nothing(device, &list->numProcArrayEntries);
}
