/* Has the driver limit a container's memory of a GPU, through NVML.
 *
 * A container may have several shares of one GPU. Each has its own hook, and each of these sets the sum of the shares
 * that note the container so far: the last one that runs has set it right. The plugin may change a share meanwhile: so
 * the sum is formed again once it is set, until it is the same.
 */
#include "ocihook/driver.h"

#include "ocihook/nvml.h"
#include "ocihook/shares.h"

#define TRIES 8 /* far more often than a share can change while a hook runs */

static bool find_device(const struct nvml *nvml, const char *uuid, nvmlDevice_t *device, struct problem *problem) {
    nvmlReturn_t result = nvml->handle(uuid, device);
    return result == NVML_SUCCESS ||
           problem_is(problem, "the driver does not give GPU %s: %s (%d): see nvidia-smi -L and dmesg on the node",
                      uuid, nvml->error(result), (int)result);
}

/* What to do, by the driver's answer. */
static const char *advice(nvmlReturn_t result) {
    switch (result) {
    case NVML_ERROR_NO_PERMISSION:
        return "the container runtime must run as root, with CAP_SYS_ADMIN";
    case NVML_ERROR_NOT_SUPPORTED:
    case NVML_ERROR_FUNCTION_NOT_FOUND:
        return "this node's driver cannot: update it to R615 or later, or let the claim ask for memoryEnforcement "
               "library";
    case NVML_ERROR_OPERATING_SYSTEM:
        return "cgroup v2 must be mounted at /sys/fs/cgroup";
    case NVML_ERROR_NOT_FOUND:
        return "the kernel's controller dmem must be handed down to it, by +dmem in cgroup.subtree_control of every "
               "cgroup above it";
    case NVML_ERROR_INVALID_ARGUMENT:
        return "it is more than the GPU has, or less than is in use";
    default:
        return "see dmesg on the node";
    }
}

static bool set(const struct nvml *nvml, nvmlDevice_t device, const char *cgroup, uint64_t bytes,
                struct problem *problem) {
    nvmlSetMemoryLimits_v1_t limits = {.nameSpace = cgroup, .softLimit = 0, .hardLimit = bytes};
    nvmlReturn_t result = nvml->set(device, &limits);
    return result == NVML_SUCCESS ||
           problem_is(problem, "the driver does not take a limit of %llu bytes for %s: %s (%d): %s",
                      (unsigned long long)bytes, cgroup, nvml->error(result), (int)result, advice(result));
}

static bool check(const struct nvml *nvml, nvmlDevice_t device, const char *cgroup, uint64_t bytes,
                  struct problem *problem) {
    nvmlGetMemoryLimits_v1_t limits = {.nameSpace = cgroup};
    nvmlReturn_t result = nvml->get(device, &limits);
    if (result != NVML_SUCCESS)
        return problem_is(problem, "the driver took a limit for %s and does not tell it: %s (%d): %s", cgroup,
                          nvml->error(result), (int)result, advice(result));
    return (limits.softLimit == 0 && limits.hardLimit == bytes) ||
           problem_is(problem,
                      "the driver took a limit of %llu bytes for %s and says that it is %llu, %llu of them "
                      "soft: does another tool set limits on this node?",
                      (unsigned long long)bytes, cgroup, limits.hardLimit, limits.softLimit);
}

bool driver_limit(const struct driver_order *order, struct problem *problem) {
    struct limits own;
    struct nvml nvml;
    nvmlDevice_t device;
    char uuid[UUID_TEXT_SIZE];
    if (!shares_own(order->share, &own, problem) || !nvml_open(order->nvml, &nvml, problem))
        return false;
    uuid_format(&own.gpu, uuid);
    if (!find_device(&nvml, uuid, &device, problem))
        return false;
    uint64_t is = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        struct grant wanted;
        if (!shares_sum(order->share, order->state, &own.gpu, &wanted, problem))
            return false;
        if (wanted.bytes == is)
            return check(&nvml, device, order->cgroup, is, problem);
        if (!set(&nvml, device, order->cgroup, wanted.bytes, problem))
            return false;
        is = wanted.bytes;
    }
    return problem_is(problem, "the shares in %s change without end", order->share);
}
