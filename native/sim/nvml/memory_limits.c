/* Limits on the memory of a device that a cgroup's processes may have. */
#include "sim/common/memory_limits.h"

#include "sim/common/mig.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITY_SYS_ADMIN   21
#define CAPABILITY_VERSION     0x20080522
#define INITIAL_USER_NAMESPACE 0xeffffffdu /* inode of /proc/self/ns/user */

/* What the kernel's capable(CAP_SYS_ADMIN) says: root of a user namespace of its own, or of a container without it, may
 * not. */
static bool is_administrator(void) {
    struct {
        uint32_t version;
        int pid;
    } header = {CAPABILITY_VERSION, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } sets[2];
    struct stat namespace;
    return syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective & 1u << CAPABILITY_SYS_ADMIN) != 0 &&
           stat("/proc/self/ns/user", &namespace) == 0 && namespace.st_ino == INITIAL_USER_NAMESPACE;
}

/* The machine, mapped so that it can be changed: NVML else only reads. Never closed, as in machine_open_own. */
static const struct machine *writable_machine(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct machine machine;
    pthread_mutex_lock(&lock);
    bool open = machine.state != NULL || machine_open_own(&machine, true) == MACHINE_OK;
    pthread_mutex_unlock(&lock);
    return open ? &machine : NULL;
}

/* Opens the directory that the caller names. Where the kernel counts, it must have files of its controller. */
static nvmlReturn_t open_directory(const char *path, int *directory) {
    if (path == NULL || path[0] != '/')
        return NVML_ERROR_INVALID_ARGUMENT;
    *directory = cgroup_open(path);
    if (*directory < 0)
        return NVML_ERROR_OPERATING_SYSTEM;
    if (!limits_are_by_dmem(library_machine()) || cgroup_has_dmem(*directory))
        return NVML_SUCCESS;
    close(*directory);
    return NVML_ERROR_NOT_FOUND;
}

/* What both calls ask first: an older driver's library has neither of them, and none has limits in MIG mode. */
static nvmlReturn_t begin(nvmlDevice_t device, const void *limits, const struct sim_gpu **gpu) {
    nvmlReturn_t result = library_whole_gpu_for(device, limits, gpu); /* MIG devices have none */
    if (result != NVML_SUCCESS)
        return result;
    const struct sim_state *state = library_machine()->state;
    if (!limits_known(library_machine()))
        return NVML_ERROR_FUNCTION_NOT_FOUND;
    bool is_divided = mig_is_device(state, device->gpu) || mig_is_enabled(state, device->gpu);
    return is_divided ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

static bool is_possible(const nvmlSetMemoryLimits_v1_t *limits, const struct sim_gpu *gpu) {
    return limits->softLimit <= limits->hardLimit && limits->softLimit <= gpu->memory &&
           (limits->hardLimit <= gpu->memory || limits->hardLimit == NVML_DEVICE_MEMORY_LIMIT_MAX);
}

static nvmlReturn_t set(unsigned gpu, int directory, const nvmlSetMemoryLimits_v1_t *limits) {
    const struct machine *machine = writable_machine();
    if (machine == NULL || !machine_lock_apart(machine, machine->state, F_WRLCK))
        return NVML_ERROR_UNKNOWN;
    enum limits_result result = limits_set(machine, gpu, directory, limits->softLimit, limits->hardLimit);
    machine_lock_apart(machine, machine->state, F_UNLCK);
    switch (result) {
    case LIMITS_SET:
        return NVML_SUCCESS;
    case LIMITS_BELOW_USE:
        return NVML_ERROR_INVALID_ARGUMENT;
    default:
        return NVML_ERROR_INSUFFICIENT_RESOURCES;
    }
}

nvmlReturn_t nvmlDeviceSetMemoryLimits_v1(nvmlDevice_t device, nvmlSetMemoryLimits_v1_t *limits) {
    const struct sim_gpu *gpu;
    int directory;
    nvmlReturn_t result = begin(device, limits, &gpu);
    if (result == NVML_SUCCESS && !is_administrator())
        result = NVML_ERROR_NO_PERMISSION;
    if (result == NVML_SUCCESS && !is_possible(limits, gpu))
        result = NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        result = open_directory(limits->nameSpace, &directory);
    if (result != NVML_SUCCESS)
        return result;
    result = set(device->gpu, directory, limits);
    close(directory);
    return result;
}

/* Where no limit was set the "misc" backend says that it does not support it, as it does where it is switched off; the
 * files of "dmem" say that there is none. */
nvmlReturn_t nvmlDeviceGetMemoryLimits_v1(nvmlDevice_t device, nvmlGetMemoryLimits_v1_t *limits) {
    const struct sim_gpu *gpu;
    int directory;
    nvmlReturn_t result = begin(device, limits, &gpu);
    if (result == NVML_SUCCESS)
        result = open_directory(limits->nameSpace, &directory);
    if (result != NVML_SUCCESS)
        return result;
    struct memory_limit limit;
    cgroup_chain chain;
    cgroup_chain_of(directory, chain);
    close(directory);
    if (!limits_get(library_machine(), device->gpu, chain[0], &limit))
        return NVML_ERROR_NOT_SUPPORTED;
    limits->softLimit = limit.soft;
    limits->hardLimit = limit.hard;
    limits->currentUsed = limit.used;
    return NVML_SUCCESS;
}
