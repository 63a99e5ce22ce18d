/*
 * HAMi-core's environment contract: limits by variables, for containers without share folders.
 *
 * CUDA_DEVICE_MEMORY_LIMIT_<i> is for the container's i-th GPU, CUDA_DEVICE_MEMORY_LIMIT for those without one of their
 * own, and so is CUDA_DEVICE_SM_LIMIT for percent of the GPU's time. The i-th is the i-th in NVML's order, which
 * nothing that a process sets can change; CUDA's order can be. MIG devices are counted in the place of their GPU.
 */
#include "core/environment.h"

#include "core/bytes.h"
#include "core/driver.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_VARIABLE   "CUDA_DEVICE_MEMORY_LIMIT"
#define CORES_VARIABLE    "CUDA_DEVICE_SM_LIMIT"
#define CACHE_VARIABLE    "CUDA_DEVICE_MEMORY_SHARED_CACHE"
#define POLICY_VARIABLE   "GPU_CORE_UTILIZATION_POLICY"
#define PRIORITY_VARIABLE "CUDA_TASK_PRIORITY"
#define DEFAULT_CACHE     "/tmp/cudevshr.cache"
#define NVML_UUID_SIZE    96
#define NAME_SIZE         64

#define WHOLE     100       /* percent */
#define NO_MEMORY INT64_MAX /* bytes: a limit that no GPU reaches */

extern char **environ;

/* "" or "_<i>", with i as we would write it ourselves. */
static bool is_suffix(const char *suffix, size_t length) {
    bool digits = length > 1 && length < 5 && suffix[0] == '_' && (suffix[1] != '0' || length == 2);
    for (size_t i = 1; digits && i < length; i++)
        digits = suffix[i] >= '0' && suffix[i] <= '9';
    return length == 0 || digits;
}

static bool begins_with(const char *text, const char *beginning) {
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Whether there are limits of that name. One that is misspelt might be of any GPU. */
static bool any_limit(const char *name, bool *misspelt) {
    bool any = false;
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        const char *suffix = *variable + strlen(name);
        if (!begins_with(*variable, name))
            continue;
        any = true;
        if (!is_suffix(suffix, strcspn(suffix, "="))) {
            log_line(LOG_ERROR, "%s: not %s or %s_<i>; GPUs are closed", *variable, name, name);
            *misspelt = true;
        }
    }
    return any;
}

/* The value for a GPU, and the name of the variable that has it. */
static const char *value_for(unsigned int index, const char *base, char name[NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "%s_%u", base, index);
    if (getenv(name) == NULL)
        snprintf(name, NAME_SIZE, "%s", base);
    return getenv(name);
}

static bool read_memory(unsigned int index, uint64_t *bytes) {
    char name[NAME_SIZE];
    const char *value = value_for(index, MEMORY_VARIABLE, name);
    *bytes = 0;
    if (value != NULL && !parse_bytes(value, bytes)) {
        log_line(LOG_ERROR, "%s=%s is not a number of bytes like 4096m or 4Gi; GPU %u is closed", name, value, index);
        return false;
    }
    if (*bytes == 0)
        *bytes = NO_MEMORY;
    return true;
}

static bool read_cores(unsigned int index, uint64_t *percent) {
    char name[NAME_SIZE];
    const char *value = value_for(index, CORES_VARIABLE, name);
    *percent = 0;
    if (value != NULL && !parse_number(value, percent)) {
        log_line(LOG_ERROR, "%s=%s is not a number of percent; GPU %u is closed", name, value, index);
        return false;
    }
    if (*percent == 0 || *percent > WHOLE)
        *percent = WHOLE;
    return true;
}

static bool is_set_to(const char *variable, const char *value) {
    const char *set = getenv(variable);
    return set != NULL && strcmp(set, value) == 0;
}

/* One region per GPU, beside the file that HAMi-core would keep for all. */
static char *region_path(const struct uuid *uuid) {
    const char *cache = getenv(CACHE_VARIABLE);
    if (cache == NULL)
        cache = DEFAULT_CACHE;
    char text[UUID_TEXT_SIZE];
    uuid_format(uuid, text);
    size_t size = strlen(cache) + 1 + sizeof text;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s.%s", cache, text);
    return path;
}

static bool add_share(struct inventory *inventory, const struct limits *limits) {
    char *path = region_path(&limits->gpu);
    struct share *share = path != NULL ? share_new(NULL, path) : NULL;
    if (share == NULL) {
        free(path);
        return false;
    }
    share->limits = *limits;
    return inventory_add_share(inventory, share);
}

/* Turns on the GPU are taken by those who share its region. */
static bool give_turns(struct inventory *inventory, const struct uuid *uuid) {
    struct gpu *gpu = inventory->gpus;
    while (!uuid_equal(&gpu->uuid, uuid))
        gpu = gpu->next;
    size_t size = strlen(gpu->shares->region.path) + sizeof ".";
    gpu->turns = malloc(size);
    gpu->makes_turns = true;
    if (gpu->turns != NULL)
        snprintf(gpu->turns, size, "%s.", gpu->shares->region.path);
    return gpu->turns != NULL;
}

static bool limit_gpu(struct inventory *inventory, unsigned int index, const struct uuid *uuid) {
    uint64_t memory, cores;
    if (!read_memory(index, &memory) || !read_cores(index, &cores))
        return inventory_add_gpu(inventory, uuid);
    if (memory == NO_MEMORY && cores == WHOLE)
        return true;
    struct limits limits = {
        .gpu = *uuid,
        .memory = memory,
        .cores = (unsigned)cores,
        .policy = is_set_to(POLICY_VARIABLE, "DISABLE") ? POLICY_OFF : POLICY_HARD,
        .urgent = is_set_to(PRIORITY_VARIABLE, "0"),
    };
    return add_share(inventory, &limits) && give_turns(inventory, uuid);
}

static bool limit_device(struct inventory *inventory, unsigned int index, nvmlDevice_t device) {
    char text[NVML_UUID_SIZE];
    struct uuid uuid;
    return DRIVER(nvmlDeviceGetUUID)(device, text, sizeof text) == NVML_SUCCESS && uuid_parse(text, &uuid) &&
           limit_gpu(inventory, index, &uuid);
}

/* How many MIG devices a GPU may be divided in: 0 where it is not in MIG mode, or the driver knows no MIG. */
static unsigned int most_parts(nvmlDevice_t gpu) {
    unsigned int most;
    return DRIVER(nvmlDeviceGetMaxMigDeviceCount)(gpu, &most) == NVML_SUCCESS ? most : 0;
}

/* A GPU in MIG mode is none of the container's GPUs: those of its MIG devices that the container has are. */
static bool limit_parts(struct inventory *inventory, unsigned int *index, nvmlDevice_t gpu) {
    for (unsigned int part = 0; part < most_parts(gpu); part++) {
        nvmlDevice_t device;
        nvmlReturn_t found = DRIVER(nvmlDeviceGetMigDeviceHandleByIndex)(gpu, part, &device);
        if (found == NVML_ERROR_NOT_FOUND || found == NVML_ERROR_INVALID_ARGUMENT)
            continue;
        if (found != NVML_SUCCESS || !limit_device(inventory, (*index)++, device))
            return false;
    }
    return true;
}

static bool limit_all_gpus(struct inventory *inventory) {
    unsigned int count, index = 0;
    if (DRIVER(nvmlDeviceGetCount_v2)(&count) != NVML_SUCCESS)
        return false;
    for (unsigned int number = 0; number < count; number++) {
        nvmlDevice_t gpu;
        if (DRIVER(nvmlDeviceGetHandleByIndex_v2)(number, &gpu) != NVML_SUCCESS)
            return false;
        if (!(most_parts(gpu) > 0 ? limit_parts(inventory, &index, gpu) : limit_device(inventory, index++, gpu)))
            return false;
    }
    return true;
}

void environment_read(struct inventory *inventory) {
    bool any = any_limit(MEMORY_VARIABLE, &inventory->closed);
    any |= any_limit(CORES_VARIABLE, &inventory->closed);
    if (!any || inventory->closed)
        return;
    bool understood = driver_load(LIBRARY_NVML) && DRIVER(nvmlInit_v2)() == NVML_SUCCESS;
    if (understood) {
        understood = limit_all_gpus(inventory);
        DRIVER(nvmlShutdown)();
    }
    if (!understood) {
        log_line(LOG_ERROR, "limits: NVML does not tell which GPU is which; GPUs are closed");
        inventory->closed = true;
    }
}
