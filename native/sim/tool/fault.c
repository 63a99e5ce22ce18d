/* hami-sim fault: lets something happen to a GPU of a machine that runs. */
#include "abi/nvml.h"
#include "sim/common/machine.h"
#include "sim/common/memory_limits.h"
#include "sim/common/slots.h"
#include "sim/tool/gpu.h"
#include "sim/tool/tool.h"

#include <stdio.h>
#include <string.h>

/* One GPU of one machine, whose lock is held: so events have one order. */
struct target {
    const struct machine *machine;
    struct sim_state *state;
    struct sim_health *health;
    unsigned gpu;
};

static void report(const struct target *target, uint64_t type, uint64_t data) {
    uint64_t number = atomic_load(&target->state->event_count);
    struct sim_event *event = &target->state->events[number % SIM_EVENTS];
    atomic_store(&event->type, type);
    atomic_store(&event->data, data);
    atomic_store(&event->gpu, target->gpu);
    atomic_store(&target->state->event_count, number + 1);
}

static void add_xid(const struct target *target, uint64_t xid) {
    report(target, nvmlEventTypeXidCriticalError, xid);
}

static void count_ecc(const struct target *target, unsigned type, uint64_t errors, uint64_t event) {
    for (unsigned counter = 0; counter < SIM_ECC_COUNTERS; counter++)
        atomic_fetch_add(&target->health->ecc[type][counter], errors);
    report(target, event, 0);
}

static void add_corrected(const struct target *target, uint64_t errors) {
    count_ecc(target, SIM_ECC_CORRECTED, errors, nvmlEventTypeSingleBitEccError);
}

static void add_uncorrected(const struct target *target, uint64_t errors) {
    count_ecc(target, SIM_ECC_UNCORRECTED, errors, nvmlEventTypeDoubleBitEccError);
}

static void set_pending(const struct target *target, uint64_t pending) {
    atomic_store(&target->health->remap_pending, (uint32_t)pending);
}

static void set_failed(const struct target *target, uint64_t failed) {
    atomic_store(&target->health->remap_failed, (uint32_t)failed);
}

static void set_recovery(const struct target *target, uint64_t action) {
    atomic_store(&target->health->recovery_action, (uint32_t)action);
}

static void set_lost(const struct target *target, uint64_t lost) {
    atomic_store(&target->health->lost, (uint32_t)lost);
}

static void set_hung(const struct target *target, uint64_t hung) {
    atomic_store(&target->health->hung, (uint32_t)hung);
}

/* What the driver does when it loads, as after a GPU's reset: rows are remapped, it counts anew, and knows no limits of
 * cgroups. */
static void reset(const struct target *target, uint64_t unused) {
    (void)unused;
    struct sim_health *health = target->health;
    for (unsigned type = 0; type < SIM_ECC_TYPES; type++)
        atomic_store(&health->ecc[type][SIM_ECC_VOLATILE], 0);
    if (atomic_exchange(&health->remap_pending, 0) != 0)
        atomic_fetch_add(&health->remapped[SIM_ECC_UNCORRECTED], 1);
    atomic_store(&health->recovery_action, NVML_GPU_RECOVERY_ACTION_NONE);
    atomic_store(&health->lost, 0);
    limits_forget(target->machine, target->gpu);
}

static const struct {
    const char *name;
    uint64_t least;
    uint64_t most;
    void (*happen)(const struct target *target, uint64_t value);
} faults[] = {
    {"xid", 1, 999, add_xid},
    {"ecc-corrected", 1, UINT32_MAX, add_corrected},
    {"ecc-uncorrected", 1, UINT32_MAX, add_uncorrected},
    {"remap-pending", 0, 1, set_pending},
    {"remap-failed", 0, 1, set_failed},
    {"recovery-action", NVML_GPU_RECOVERY_ACTION_NONE, NVML_GPU_RECOVERY_ACTION_DRAIN_AND_RESET, set_recovery},
    {"lost", 0, 1, set_lost},
    {"hung", 0, 1, set_hung},
    {"reset", 1, 1, reset},
};

static int inject(const struct target *target, const char *item) {
    const char *value = strchr(item, '=');
    size_t length = value == NULL ? strlen(item) : (size_t)(value - item);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (strncmp(item, faults[i].name, length) != 0 || faults[i].name[length] != '\0')
            continue;
        uint64_t number;
        if (value == NULL || !gpu_parse_number(value + 1, faults[i].most, &number) || number < faults[i].least)
            return tool_fail("%s: %s must be a number from %llu to %llu", item, faults[i].name,
                             (unsigned long long)faults[i].least, (unsigned long long)faults[i].most);
        faults[i].happen(target, number);
        return 0;
    }
    return tool_fail("%s: there is no such fault", item);
}

static bool find(const struct machine *machine, const char *uuid, struct target *target) {
    struct sim_state *state = machine->state;
    for (unsigned i = 0; i < state->gpu_count; i++)
        if (strcmp(state->gpus[i].uuid, uuid) == 0) {
            *target = (struct target){machine, state, &state->health[i], i};
            return true;
        }
    return false;
}

int tool_fault(int count, char **arguments) {
    if (count < 3)
        return tool_fail("fault needs the path of the state file, a GPU's UUID, and what happens to it");
    struct machine machine;
    struct target target;
    if (machine_open(&machine, arguments[0], true) != MACHINE_OK)
        return tool_fail("%s: not the state of a simulated machine, or one of another version", arguments[0]);
    if (!find(&machine, arguments[1], &target))
        return tool_fail("%s: there is no GPU %s", arguments[0], arguments[1]);
    if (!slots_lock(&machine))
        return tool_fail("%s: cannot be locked", arguments[0]);
    int failed = 0;
    for (int i = 2; i < count && failed == 0; i++)
        failed = inject(&target, arguments[i]);
    slots_unlock(&machine);
    return failed;
}
