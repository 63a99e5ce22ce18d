/* The table that nvidia-smi prints without arguments. */
#include "sim/smi/mig.h"
#include "sim/smi/nvml.h"
#include "sim/smi/smi.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE "+-----------------------------------------------------------------------------------------+\n"

/* All that the table shows of one GPU. */
struct gpu {
    nvmlDevice_t device;
    char name[96];
    nvmlPciInfo_t pci;
    nvmlMemory_t memory;
    bool shows_memory; /* not where it is in MIG mode and this process may not look at all of it */
    nvmlUtilization_t utilization;
    bool shows_utilization; /* not in MIG mode */
};

static nvmlReturn_t read_gpu(unsigned index, struct gpu *gpu) {
    nvmlReturn_t result = nvml.handle(index, &gpu->device);
    if (result == NVML_SUCCESS)
        result = nvml.name(gpu->device, gpu->name, sizeof(gpu->name));
    if (result == NVML_SUCCESS)
        result = nvml.pci(gpu->device, &gpu->pci);
    if (result != NVML_SUCCESS)
        return result;
    gpu->shows_utilization = nvml.utilization(gpu->device, &gpu->utilization) == NVML_SUCCESS;
    result = nvml.memory(gpu->device, &gpu->memory);
    gpu->shows_memory = result == NVML_SUCCESS;
    return result == NVML_ERROR_NO_PERMISSION ? NVML_SUCCESS : result;
}

static nvmlReturn_t print_head(void) {
    char driver[80];
    int cuda;
    nvmlReturn_t result = nvml.driver_version(driver, sizeof(driver));
    if (result == NVML_SUCCESS)
        result = nvml.cuda_version(&cuda);
    if (result != NVML_SUCCESS)
        return result;
    time_t now = time(NULL);
    char date[64];
    strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", localtime(&now));
    printf("%s\n" LINE, date);
    char cuda_text[16];
    snprintf(cuda_text, sizeof(cuda_text), "%d.%d", cuda / 1000, cuda % 1000 / 10);
    printf("| NVIDIA-SMI (simulated)      Driver Version: %-22s CUDA Version: %-6s |\n", driver, cuda_text);
    printf("|-----------------------------------------+------------------------+----------------------|\n"
           "| GPU  Name                               | Bus-Id    Memory-Usage | GPU-Util             |\n"
           "|=========================================+========================+======================|\n");
    return NVML_SUCCESS;
}

static void print_gpu(unsigned index, const struct gpu *gpu) {
    char usage[64] = "N/A";
    char utilization[16] = "N/A";
    if (gpu->shows_memory)
        snprintf(usage, sizeof(usage), "%lluMiB / %lluMiB", gpu->memory.used >> 20, gpu->memory.total >> 20);
    if (gpu->shows_utilization)
        snprintf(utilization, sizeof(utilization), "%u%%", gpu->utilization.gpu);
    printf("| %3u  %-34.34s | %22s |                      |\n", index, gpu->name, gpu->pci.busId);
    printf("|      %-34s | %22s | %8s             |\n", "", usage, utilization);
    printf("+-----------------------------------------+------------------------+----------------------+\n");
}

/* The processes on a device, in memory that the caller frees. Asks until the list did not grow meanwhile. */
static nvmlReturn_t read_processes(nvmlDevice_t device, nvmlProcessInfo_t **processes, unsigned *count) {
    nvmlReturn_t result;
    unsigned room = 16;
    *processes = NULL;
    do {
        free(*processes);
        *processes = calloc(room, sizeof(**processes));
        if (*processes == NULL)
            return NVML_ERROR_MEMORY;
        *count = room;
        result = nvml.processes(device, count, *processes);
        room = *count * 2;
    } while (result == NVML_ERROR_INSUFFICIENT_SIZE);
    return result;
}

/* By characters: by bytes a name of UTF-8 would be cut within one, and its row too short. */
static void print_column(const char *text, int width) {
    for (; *text != '\0' && width > 0; width--)
        do
            putchar(*text++);
        while (((unsigned char)*text & 0xc0) == 0x80);
    printf("%*s", width, "");
}

static void print_process(unsigned index, const nvmlProcessInfo_t *process) {
    char name[256];
    if (nvml.process_name(process->pid, name, sizeof(name)) != NVML_SUCCESS)
        snprintf(name, sizeof(name), "[Not Found]");
    printf("| %4u %10u      C   ", index, process->pid);
    print_column(name, 44);
    printf(" %14lluMiB |\n", process->usedGpuMemory >> 20);
}

static nvmlReturn_t print_mig_devices(const struct gpu *gpus, unsigned count) {
    nvmlDevice_t devices[SMI_MIG_DEVICES];
    nvmlReturn_t result = NVML_SUCCESS;
    bool any = false;
    for (unsigned i = 0; result == NVML_SUCCESS && i < count; i++) {
        if (mig_devices(gpus[i].device, devices) == 0)
            continue;
        if (!any)
            printf("\n" LINE
                   "| MIG devices:                            |                        |                      |\n"
                   "|  GPU    GI   MIG  Profile               |           Memory-Usage |                      |\n"
                   "|=========================================+========================+======================|\n");
        any = true;
        result = mig_print_rows(i, gpus[i].device);
    }
    if (any)
        printf(LINE);
    return result;
}

/* Prints those on a device. */
static nvmlReturn_t print_processes_on(unsigned index, nvmlDevice_t device, bool *any) {
    nvmlProcessInfo_t *processes;
    unsigned found;
    nvmlReturn_t result = read_processes(device, &processes, &found);
    for (unsigned k = 0; result == NVML_SUCCESS && k < found; k++) {
        print_process(index, &processes[k]);
        *any = true;
    }
    free(processes);
    return result;
}

/* Those on a GPU, or on its MIG devices where there are any. */
static nvmlReturn_t print_processes_of(unsigned index, nvmlDevice_t gpu, bool *any) {
    nvmlDevice_t devices[SMI_MIG_DEVICES];
    unsigned count = mig_devices(gpu, devices);
    nvmlReturn_t result = count == 0 ? print_processes_on(index, gpu, any) : NVML_SUCCESS;
    for (unsigned i = 0; result == NVML_SUCCESS && i < count; i++)
        result = print_processes_on(index, devices[i], any);
    return result == NVML_ERROR_NO_PERMISSION ? NVML_SUCCESS : result;
}

static nvmlReturn_t print_processes(const struct gpu *gpus, unsigned count) {
    printf("\n" LINE);
    printf("| Processes:                                                                   GPU Memory |\n"
           "|  GPU        PID   Type   Process name                                            Usage  |\n"
           "|=========================================================================================|\n");
    bool any = false;
    for (unsigned i = 0; i < count; i++) {
        nvmlReturn_t result = print_processes_of(i, gpus[i].device, &any);
        if (result != NVML_SUCCESS)
            return result;
    }
    if (!any)
        printf("|  No running processes found                                                             |\n");
    printf(LINE);
    return NVML_SUCCESS;
}

int smi_table(void) {
    unsigned count;
    nvmlReturn_t result = nvml.count(&count);
    if (result != NVML_SUCCESS)
        return nvml_failed("count the GPUs", result);
    if (count == 0) {
        printf("No devices were found\n");
        return 6;
    }
    struct gpu *gpus = calloc(count, sizeof(*gpus));
    if (gpus == NULL)
        return nvml_failed("remember the GPUs", NVML_ERROR_MEMORY);
    for (unsigned i = 0; result == NVML_SUCCESS && i < count; i++)
        result = read_gpu(i, &gpus[i]);
    if (result == NVML_SUCCESS)
        result = print_head();
    for (unsigned i = 0; result == NVML_SUCCESS && i < count; i++)
        print_gpu(i, &gpus[i]);
    if (result == NVML_SUCCESS)
        result = print_mig_devices(gpus, count);
    if (result == NVML_SUCCESS)
        result = print_processes(gpus, count);
    free(gpus);
    return result == NVML_SUCCESS ? 0 : nvml_failed("read the GPUs", result);
}
