/*
 * HAMi-core's environment contract: limits by variables, for containers without share folders.
 *
 * CUDA_DEVICE_MEMORY_LIMIT_<i> is for the container's i-th GPU, CUDA_DEVICE_MEMORY_LIMIT for those without one of their
 * own. The i-th is the i-th in NVML's order, which nothing that a process sets can change; CUDA's order can be.
 */
#include "core/environment.h"

#include "core/bytes.h"
#include "core/driver.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_VARIABLE "CUDA_DEVICE_MEMORY_LIMIT"
#define CACHE_VARIABLE "CUDA_DEVICE_MEMORY_SHARED_CACHE"
#define DEFAULT_CACHE  "/tmp/cudevshr.cache"
#define NVML_UUID_SIZE 96

extern char **environ;

/* "" or "_<i>", with i as we would write it ourselves. */
static bool is_suffix(const char *suffix, size_t length) {
    bool digits = length > 1 && length < 5 && suffix[0] == '_' && (suffix[1] != '0' || length == 2);
    for (size_t i = 1; digits && i < length; i++)
        digits = suffix[i] >= '0' && suffix[i] <= '9';
    return length == 0 || digits;
}

/* Whether there are limits. One whose name is misspelt might be of any GPU. */
static bool any_limit(bool *misspelt) {
    bool any = false;
    *misspelt = false;
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        const char *suffix = *variable + strlen(LIMIT_VARIABLE);
        if (strncmp(*variable, LIMIT_VARIABLE, strlen(LIMIT_VARIABLE)) != 0)
            continue;
        any = true;
        if (!is_suffix(suffix, strcspn(suffix, "="))) {
            log_line(LOG_ERROR, "%s: not %s or %s_<i>; GPUs are closed", *variable, LIMIT_VARIABLE, LIMIT_VARIABLE);
            *misspelt = true;
        }
    }
    return any;
}

static const char *variable_of(unsigned int index, char *name, size_t size) {
    snprintf(name, size, "%s_%u", LIMIT_VARIABLE, index);
    if (getenv(name) == NULL)
        snprintf(name, size, "%s", LIMIT_VARIABLE);
    return getenv(name);
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

static bool add_share(struct inventory *inventory, const struct uuid *uuid, uint64_t bytes) {
    char *path = region_path(uuid);
    struct share *share = path != NULL ? share_new(NULL, path) : NULL;
    if (share == NULL) {
        free(path);
        return false;
    }
    share->limits = (struct limits){.gpu = *uuid, .memory = bytes};
    return inventory_add_share(inventory, share);
}

static bool limit_gpu(struct inventory *inventory, unsigned int index, const struct uuid *uuid) {
    char name[sizeof LIMIT_VARIABLE + 16];
    const char *value = variable_of(index, name, sizeof name);
    if (value == NULL)
        return true;
    uint64_t bytes;
    if (!parse_bytes(value, &bytes)) {
        log_line(LOG_ERROR, "%s=%s is not a number of bytes like 4096m or 4Gi; GPU %u is closed", name, value, index);
        return inventory_add_gpu(inventory, uuid);
    }
    return bytes == 0 || add_share(inventory, uuid, bytes);
}

static bool limit_all_gpus(struct inventory *inventory) {
    unsigned int count;
    if (DRIVER(nvmlDeviceGetCount_v2)(&count) != NVML_SUCCESS)
        return false;
    for (unsigned int index = 0; index < count; index++) {
        nvmlDevice_t device;
        char text[NVML_UUID_SIZE];
        struct uuid uuid;
        if (DRIVER(nvmlDeviceGetHandleByIndex_v2)(index, &device) != NVML_SUCCESS ||
            DRIVER(nvmlDeviceGetUUID)(device, text, sizeof text) != NVML_SUCCESS || !uuid_parse(text, &uuid) ||
            !limit_gpu(inventory, index, &uuid))
            return false;
    }
    return true;
}

void environment_read(struct inventory *inventory) {
    if (!any_limit(&inventory->closed) || inventory->closed)
        return;
    bool understood = driver_load(LIBRARY_NVML) && DRIVER(nvmlInit_v2)() == NVML_SUCCESS;
    if (understood) {
        understood = limit_all_gpus(inventory);
        DRIVER(nvmlShutdown)();
    }
    if (!understood) {
        log_line(LOG_ERROR, "%s: NVML does not tell which GPU is which; GPUs are closed", LIMIT_VARIABLE);
        inventory->closed = true;
    }
}
