/* nvmlInit and nvmlShutdown, counted as in the real library. */
#include "sim/nvml/library.h"

#include "sim/common/mig.h"
#include "sim/nvml/table.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define POLL_NS 10000000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct machine machine;
static _Atomic unsigned initialized; /* times, less shutdowns */
static struct nvmlDevice_st devices[SIM_MAX_GPUS];
static unsigned device_count;
static struct nvmlDevice_st mig_handles[SIM_MAX_GPUS]; /* by their index in the state */

const struct machine *library_machine(void) {
    return atomic_load(&initialized) > 0 ? &machine : NULL;
}

unsigned library_device_count(void) {
    return device_count;
}

nvmlDevice_t library_device(unsigned index) {
    return &devices[index];
}

nvmlDevice_t library_mig_device(unsigned entry) {
    mig_handles[entry].gpu = entry;
    return &mig_handles[entry];
}

static bool is_one_of(nvmlDevice_t device, const struct nvmlDevice_st *handles, unsigned count) {
    size_t offset = (size_t)((const char *)device - (const char *)handles);
    return offset < count * sizeof(handles[0]) && offset % sizeof(handles[0]) == 0;
}

/* A MIG device may have been destroyed since its handle was given. */
static bool is_mig_device(nvmlDevice_t device) {
    return is_one_of(device, mig_handles, SIM_MAX_GPUS) && mig_is_device(machine.state, device->gpu) &&
           atomic_load(&machine.state->mig[device->gpu].exists) != 0;
}

static void wait_while_hung(unsigned gpu) {
    while (atomic_load(&machine.state->health[gpu].hung) != 0)
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
}

nvmlReturn_t library_gpu(nvmlDevice_t device, const struct sim_gpu **gpu) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (!is_one_of(device, devices, device_count) && !is_mig_device(device))
        return NVML_ERROR_INVALID_ARGUMENT;
    *gpu = &machine.state->gpus[device->gpu];
    wait_while_hung(mig_gpu_of(machine.state, device->gpu));
    return library_is_lost(mig_gpu_of(machine.state, device->gpu)) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

nvmlReturn_t library_whole_gpu_for(nvmlDevice_t device, const void *answer, const struct sim_gpu **gpu) {
    nvmlReturn_t result = library_gpu_for(device, answer, gpu);
    return result == NVML_SUCCESS && mig_is_device(machine.state, device->gpu) ? NVML_ERROR_NOT_SUPPORTED : result;
}

nvmlReturn_t library_use_for(nvmlDevice_t device, const void *answer, const struct sim_gpu **gpu) {
    nvmlReturn_t result = library_gpu_for(device, answer, gpu);
    bool is_barred = result == NVML_SUCCESS && mig_is_enabled(machine.state, device->gpu) && !mig_may_monitor();
    return is_barred ? NVML_ERROR_NO_PERMISSION : result;
}

bool library_is_lost(unsigned gpu) {
    return atomic_load(&machine.state->health[gpu].lost) != 0;
}

const struct sim_health *library_health(nvmlDevice_t device) {
    return &machine.state->health[device->gpu];
}

nvmlReturn_t library_gpu_for(nvmlDevice_t device, const void *answer, const struct sim_gpu **gpu) {
    nvmlReturn_t result = library_gpu(device, gpu);
    return result == NVML_SUCCESS && answer == NULL ? NVML_ERROR_INVALID_ARGUMENT : result;
}

nvmlReturn_t library_copy(char *buffer, unsigned size, const char *text) {
    if (buffer == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (strlen(text) >= size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return NVML_SUCCESS;
}

/* The machine stays mapped after a shutdown: see machine_open_own. */
static nvmlReturn_t open_machine(void) {
    if (machine.state == NULL) {
        switch (machine_open_own(&machine, false)) {
        case MACHINE_OK:
            break;
        case MACHINE_ABSENT:
            return NVML_ERROR_DRIVER_NOT_LOADED;
        default:
            return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
        }
    }
    unsigned gpus[SIM_MAX_GPUS];
    device_count = machine_usable_gpus(&machine, gpus);
    for (unsigned i = 0; i < device_count; i++) {
        devices[i].gpu = gpus[i];
        wait_while_hung(gpus[i]); /* it opens all that it may use */
    }
    return NVML_SUCCESS;
}

static nvmlReturn_t initialize(void) {
    pthread_mutex_lock(&lock);
    nvmlReturn_t result = atomic_load(&initialized) > 0 ? NVML_SUCCESS : open_machine();
    if (result == NVML_SUCCESS)
        atomic_fetch_add(&initialized, 1);
    pthread_mutex_unlock(&lock);
    return result;
}

nvmlReturn_t nvmlInit(void) {
    return initialize();
}

nvmlReturn_t nvmlInit_v2(void) {
    return initialize();
}

/* The flags say whether a machine without GPUs is an error; here it never is. */
nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    return initialize();
}

nvmlReturn_t nvmlShutdown(void) {
    pthread_mutex_lock(&lock);
    bool was = atomic_load(&initialized) > 0;
    if (was)
        atomic_fetch_sub(&initialized, 1);
    pthread_mutex_unlock(&lock);
    return was ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}
