/* For how long kernels ran, in percent of the time: of what the schedule knows, in spans of 100 ms that are over. */
#include "sim/common/engine.h"
#include "sim/common/mig.h"
#include "sim/common/recent.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

#include <stdlib.h>
#include <time.h>

#define RATE_SPANS 10 /* of which a GPU's rate tells: a second */

/* Spans by their numbers. */
struct window {
    uint64_t first;
    uint64_t end;
    uint64_t ended_us; /* the instant at which it ended, in us since 1970 */
};

/* What has to be added to the monotonic clock for the time since 1970, in ns. */
static uint64_t offset_to_1970(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - engine_clock();
}

static struct window last_spans(const struct sim_schedule *schedule, uint64_t count) {
    uint64_t end = schedule->now / SIM_SPAN_NS;
    return (struct window){end > count ? end - count : 0, end, (offset_to_1970() + end * SIM_SPAN_NS) / 1000};
}

static unsigned percent(const struct sim_recent *recent, const struct window *window) {
    uint64_t whole = (window->end - window->first) * SIM_SPAN_NS;
    return (unsigned)((recent_sum(recent, window->first, window->end) * 100 + whole / 2) / whole);
}

/* Of MIG devices and GPUs in MIG mode NVML does not tell how busy they are. */
static nvmlReturn_t time_for(nvmlDevice_t device, const void *answer) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, answer, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    return mig_is_enabled(library_machine()->state, device->gpu) ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    nvmlReturn_t result = time_for(device, rates);
    if (result != NVML_SUCCESS)
        return result;
    struct sim_schedule *schedule = engine_copy(library_machine(), device->gpu);
    if (schedule == NULL)
        return NVML_ERROR_MEMORY;
    struct window window = last_spans(schedule, RATE_SPANS);
    *rates = (nvmlUtilization_t){.gpu = window.end > window.first ? percent(&schedule->recent, &window) : 0};
    free(schedule);
    return NVML_SUCCESS;
}

/* The spans that ended after `since`, in us since 1970, as far back as they are remembered. An instant is taken for the
 * border of spans that is nearest to it, so that the end of the last window is the beginning of the next. */
static struct window window_since(const struct sim_schedule *schedule, uint64_t since) {
    struct window window = last_spans(schedule, SIM_SPANS - 1);
    uint64_t offset = offset_to_1970();
    uint64_t asked = since > offset / 1000 ? (since * 1000 - offset + SIM_SPAN_NS / 2) / SIM_SPAN_NS : 0;
    if (asked > window.first)
        window.first = asked < window.end ? asked : window.end;
    return window;
}

/* Whether a process ran in the window, lives, and has a PID that means something to the caller. */
static bool ran(const struct sim_sharer *sharer, const struct window *window, pid_t *pid) {
    return recent_sum(&sharer->recent, window->first, window->end) != 0 &&
           engine_owner(library_machine(), sharer, pid) && *pid != 0;
}

/* Writes one row of the caller's array, whose rows are of one structure or another. */
typedef void put_row(void *rows, unsigned row, unsigned pid, unsigned percent, unsigned long long timestamp);

static void put_sample(void *rows, unsigned row, unsigned pid, unsigned rate, unsigned long long timestamp) {
    ((nvmlProcessUtilizationSample_t *)rows)[row] =
        (nvmlProcessUtilizationSample_t){.pid = pid, .timeStamp = timestamp, .smUtil = rate};
}

static void put_info(void *rows, unsigned row, unsigned pid, unsigned rate, unsigned long long timestamp) {
    ((nvmlProcessUtilizationInfo_v1_t *)rows)[row] =
        (nvmlProcessUtilizationInfo_v1_t){.pid = pid, .timeStamp = timestamp, .smUtil = rate};
}

/* Fills at most *count rows; *count becomes the number of samples. */
static nvmlReturn_t list(unsigned gpu, uint64_t since, unsigned *count, void *rows, put_row *put) {
    struct sim_schedule *schedule = engine_copy(library_machine(), gpu);
    if (schedule == NULL)
        return NVML_ERROR_MEMORY;
    struct window window = window_since(schedule, since);
    unsigned room = rows != NULL ? *count : 0;
    *count = 0;
    for (unsigned i = 0; i < schedule->count; i++) {
        const struct sim_sharer *sharer = &schedule->sharers[i];
        pid_t pid;
        if (!ran(sharer, &window, &pid))
            continue;
        if (*count < room)
            put(rows, *count, (unsigned)pid, percent(&sharer->recent, &window), window.ended_us);
        ++*count;
    }
    free(schedule);
    if (*count == 0)
        return NVML_ERROR_NOT_FOUND;
    return *count <= room ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned int *count, unsigned long long since) {
    nvmlReturn_t result = time_for(device, count);
    return result != NVML_SUCCESS ? result : list(device->gpu, since, count, samples, put_sample);
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info) {
    nvmlReturn_t result = time_for(device, info);
    if (result != NVML_SUCCESS)
        return result;
    if (info->version != NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_v1_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return list(device->gpu, info->lastSeenTimeStamp, &info->processSamplesCount, info->procUtilArray, put_info);
}
