/*
 * How much of a GPU's memory this process has, by NVML.
 *
 * NVIDIA's kernel module sums up what the process's own clients of it have allocated, in whatever way, and so all that
 * the driver takes for contexts and code. Managed memory is not in there: another client, the kernel's, has it. It
 * gives PIDs as the caller's namespace has them, and leaves out others; older drivers do neither.
 */
#include "core/own_use.h"

#include "core/cold.h"
#include "core/driver.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_ROWS 128
#define MORE_ROWS  128

static struct lock initializing;
static atomic_bool tried, usable;

static COLD void initialize(void) {
    lock_take(&initializing);
    if (!atomic_load(&tried)) {
        atomic_store(&usable, driver_load(LIBRARY_NVML) && DRIVER(nvmlInit_v2)() == NVML_SUCCESS);
        atomic_store(&tried, true);
    }
    lock_release(&initializing);
}

/* Initialized once, and for good: NVML counts how often it is, so that the program does not notice. */
static bool is_usable(void) {
    if (!atomic_load(&tried))
        initialize();
    return atomic_load(&usable);
}

static bool device_of(const struct gpu *gpu, nvmlDevice_t *device) {
    char text[UUID_TEXT_SIZE];
    uuid_format(&gpu->uuid, text);
    if (DRIVER(nvmlDeviceGetHandleByUUID)(text, device) == NVML_SUCCESS)
        return true;
    memcpy(text, "MIG", 3);
    return DRIVER(nvmlDeviceGetHandleByUUID)(text, device) == NVML_SUCCESS;
}

static nvmlReturn_t list(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *rows) {
    nvmlReturn_t result = DRIVER(nvmlDeviceGetComputeRunningProcesses_v3)(device, count, rows);
    if (result == NVML_ERROR_FUNCTION_NOT_FOUND)
        result = DRIVER(nvmlDeviceGetComputeRunningProcesses_v2)(device, count, rows);
    return result;
}

/* Returns 0 where this process is not listed, or its memory is not told. */
static uint64_t find_own(const nvmlProcessInfo_t *rows, unsigned int count) {
    for (unsigned int i = 0; i < count; i++)
        if (rows[i].pid == (unsigned int)getpid() && rows[i].usedGpuMemory != UINT64_MAX)
            return rows[i].usedGpuMemory;
    return 0;
}

/* How many processes NVML had to list when there were more than was thought. */
static atomic_uint listed;

static nvmlReturn_t ask_for_many(nvmlDevice_t device, unsigned int count, uint64_t *bytes) {
    nvmlReturn_t result = NVML_ERROR_INSUFFICIENT_SIZE;
    while (result == NVML_ERROR_INSUFFICIENT_SIZE) {
        atomic_store(&listed, count);
        count += MORE_ROWS; /* others may start meanwhile */
        nvmlProcessInfo_t *rows = malloc(count * sizeof *rows);
        result = rows != NULL ? list(device, &count, rows) : NVML_ERROR_MEMORY;
        if (result == NVML_SUCCESS)
            *bytes = find_own(rows, count);
        free(rows);
    }
    return result;
}

static nvmlReturn_t ask_for_few(nvmlDevice_t device, uint64_t *bytes) {
    nvmlProcessInfo_t rows[FIRST_ROWS];
    unsigned int count = FIRST_ROWS;
    nvmlReturn_t result = list(device, &count, rows);
    if (result == NVML_SUCCESS)
        *bytes = find_own(rows, count);
    return result == NVML_ERROR_INSUFFICIENT_SIZE ? ask_for_many(device, count, bytes) : result;
}

/* A list that is too short is made for nothing, so the first one is as long as hardly any, and later ones as those
 * before: asking costs as much as there are processes, and where hundreds start at once each of them does it. */
static bool ask(nvmlDevice_t device, uint64_t *bytes) {
    unsigned int expected = atomic_load(&listed);
    nvmlReturn_t result = expected <= FIRST_ROWS ? ask_for_few(device, bytes) : ask_for_many(device, expected, bytes);
    return result == NVML_SUCCESS;
}

/* A process that is not told of its memory will hardly ever be. */
static void log_once(void) {
    static atomic_bool logged;
    if (!atomic_exchange(&logged, true))
        log_line(LOG_INFO, "NVML does not tell this process's memory: what the driver takes for itself is not counted");
}

/* That it tells of none is true of a process that has none, and which GPU a closed one is need not be known. */
bool own_use(const struct gpu *gpu, uint64_t allocated, uint64_t *bytes) {
    static atomic_bool told;
    nvmlDevice_t device;
    bool answered = is_usable() && device_of(gpu, &device) && ask(device, bytes);
    if (answered && *bytes != 0)
        atomic_store(&told, true);
    else if (gpu->shares != NULL && (!answered || allocated != 0) && !atomic_load(&told))
        log_once();
    return answered;
}

void own_use_forget(void) {
    lock_release(&initializing);
}
