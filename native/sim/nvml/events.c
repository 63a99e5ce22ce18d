/* Sets of events, and who waits for them. */
#include "sim/nvml/health.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

#include <stdlib.h>
#include <time.h>

#define POLL_NS 5000000 /* between two looks: the state has nobody whom it could wake */

struct nvmlEventSet_st {
    uint64_t next;                  /* number of the first event that was not looked at */
    uint64_t types[SIM_MAX_GPUS];   /* of events that are wanted, by the GPU's index in the state */
    uint64_t started[SIM_MAX_GPUS]; /* number of the first that counts */
};

static uint64_t supported_types(const struct sim_gpu *gpu) {
    uint64_t ecc = nvmlEventTypeSingleBitEccError | nvmlEventTypeDoubleBitEccError;
    return nvmlEventTypeXidCriticalError | (health_has_ecc(gpu) ? ecc : 0);
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *types) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, types, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *types = supported_types(gpu);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (set == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    *set = calloc(1, sizeof(**set));
    if (*set == NULL)
        return NVML_ERROR_MEMORY;
    (*set)->next = atomic_load(&library_machine()->state->event_count);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    free(set);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, set, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if ((types & ~supported_types(gpu)) != 0)
        return NVML_ERROR_NOT_SUPPORTED;
    if (set->types[device->gpu] == 0)
        set->started[device->gpu] = atomic_load(&library_machine()->state->event_count);
    set->types[device->gpu] |= types;
    return NVML_SUCCESS;
}

static nvmlDevice_t handle_of(unsigned gpu) {
    for (unsigned i = 0; i < library_device_count(); i++)
        if (library_device(i)->gpu == gpu)
            return library_device(i);
    return NULL;
}

static bool is_wanted(const struct nvmlEventSet_st *set, uint64_t number, const struct sim_event *event) {
    unsigned gpu = atomic_load(&event->gpu);
    return gpu < SIM_MAX_GPUS && (set->types[gpu] & atomic_load(&event->type)) != 0 && number >= set->started[gpu];
}

/* Takes the next event that the set wants, if it has happened. */
static bool take(struct nvmlEventSet_st *set, nvmlEventData_t *data) {
    const struct sim_state *state = library_machine()->state;
    uint64_t count = atomic_load(&state->event_count);
    if (count - set->next > SIM_EVENTS)
        set->next = count - SIM_EVENTS;
    while (set->next < count) {
        uint64_t number = set->next++;
        const struct sim_event *event = &state->events[number % SIM_EVENTS];
        if (!is_wanted(set, number, event))
            continue;
        *data = (nvmlEventData_t){handle_of(atomic_load(&event->gpu)), atomic_load(&event->type),
                                  atomic_load(&event->data), NVML_VALUE_NOT_AVAILABLE, NVML_VALUE_NOT_AVAILABLE};
        return true;
    }
    return false;
}

static bool has_lost_gpu(const struct nvmlEventSet_st *set) {
    for (unsigned gpu = 0; gpu < library_machine()->state->gpu_count; gpu++)
        if (set->types[gpu] != 0 && library_is_lost(gpu))
            return true;
    return false;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int milliseconds) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (set == NULL || data == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    int64_t end = now_ms() + milliseconds;
    while (!take(set, data)) {
        if (now_ms() >= end)
            return has_lost_gpu(set) ? NVML_ERROR_GPU_IS_LOST : NVML_ERROR_TIMEOUT;
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    return NVML_SUCCESS;
}
