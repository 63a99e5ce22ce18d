/*
 * What NVML shows of a GPU's time: the share's own processes, nothing of its neighbours.
 *
 * The driver measures; we leave out the samples of processes that are not the share's.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/processes.h"

#include <stdlib.h>
#include <time.h>

/* How far back a rate looks: about as far as NVML's own. */
#define PERIOD_US UINT64_C(1000000)

/* Samples of either structure: where they lie, how large one is, where in it the PID stands. */
struct samples {
    char *first;
    unsigned int count;
    size_t size;
    size_t pid_offset;
};

/* Moves the samples of own processes to the front, and makes `count` their number. As the driver does where there are
 * no samples, it answers NVML_ERROR_NOT_FOUND if that is 0. */
static nvmlReturn_t keep_own(const struct gpu *gpu, struct samples *samples) {
    struct processes own;
    unsigned int kept = 0;
    if (!processes_find(gpu, &own))
        return NVML_ERROR_MEMORY;
    for (unsigned int i = 0; i < samples->count; i++) {
        char *sample = samples->first + i * samples->size;
        if (processes_contain(&own, *(unsigned int *)(void *)(sample + samples->pid_offset)))
            __builtin_memmove(samples->first + kept++ * samples->size, sample, samples->size);
    }
    processes_free(&own);
    samples->count = kept;
    return kept > 0 ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

static struct samples samples_of(nvmlProcessUtilizationSample_t *first, unsigned int count) {
    return (struct samples){(char *)first, count, sizeof *first, offsetof(nvmlProcessUtilizationSample_t, pid)};
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned int *count, unsigned long long since) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetProcessUtilization)(device, samples, count, since);
    struct gpu *gpu = result == NVML_SUCCESS && samples != NULL ? gpu_of_nvml_device(device) : NULL;
    if (gpu == NULL)
        return result;
    struct samples all = samples_of(samples, *count);
    result = keep_own(gpu, &all);
    *count = all.count;
    return result;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetProcessesUtilizationInfo)(device, info);
    struct gpu *gpu = result == NVML_SUCCESS && info->procUtilArray != NULL ? gpu_of_nvml_device(device) : NULL;
    if (gpu == NULL)
        return result;
    struct samples all = {(char *)info->procUtilArray, info->processSamplesCount, sizeof *info->procUtilArray,
                          offsetof(nvmlProcessUtilizationInfo_v1_t, pid)};
    result = keep_own(gpu, &all);
    info->processSamplesCount = all.count;
    return result;
}

static unsigned int add_percent(unsigned int sum, unsigned int more) {
    return more < 100 - sum ? sum + more : 100;
}

static uint64_t period_start(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 - PERIOD_US;
}

/* Sums what the share's processes did. A driver that does not measure processes leaves the whole GPU's sum. */
static void sum_own(const struct gpu *gpu, nvmlDevice_t device, nvmlUtilization_t *sum) {
    unsigned int count = HAMI_REGION_SLOTS;
    nvmlProcessUtilizationSample_t *samples = calloc(count, sizeof *samples);
    if (samples == NULL)
        return;
    nvmlReturn_t result = DRIVER(nvmlDeviceGetProcessUtilization)(device, samples, &count, period_start());
    struct samples all = samples_of(samples, result == NVML_SUCCESS ? count : 0);
    bool measured = result == NVML_SUCCESS || result == NVML_ERROR_NOT_FOUND;
    if (measured && keep_own(gpu, &all) != NVML_ERROR_MEMORY) {
        *sum = (nvmlUtilization_t){0};
        for (unsigned int i = 0; i < all.count; i++) {
            sum->gpu = add_percent(sum->gpu, samples[i].smUtil);
            sum->memory = add_percent(sum->memory, samples[i].memUtil);
        }
    }
    free(samples);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetUtilizationRates)(device, rates);
    struct gpu *gpu = result == NVML_SUCCESS ? gpu_of_nvml_device(device) : NULL;
    if (gpu != NULL)
        sum_own(gpu, device, rates);
    return result;
}
