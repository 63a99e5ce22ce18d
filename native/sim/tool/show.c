/* hami-sim show: prints a machine's GPUs and who uses them, as one JSON object. */
#include "sim/common/ledger.h"
#include "sim/common/machine.h"
#include "sim/common/memory_limits.h"
#include "sim/common/mig.h"
#include "sim/common/slots.h"
#include "sim/tool/times.h"
#include "sim/tool/tool.h"

#include <stdio.h>

/* A name may hold anything but what ends a command line's value, so quotes and backslashes too. */
static void print_string(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20)
            printf("\\u%04x", *text);
        else
            printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    putchar('"');
}

static void print_processes(const struct machine *machine, unsigned gpu) {
    const char *separator = "";
    for (unsigned slot = 0; slot < slots_count(machine); slot++) {
        uint64_t used = ledger_used_by(machine, slot, gpu);
        uint32_t contexts = atomic_load(&slots_use(machine, slot, gpu)->contexts);
        pid_t pid;
        if ((used == 0 && contexts == 0) || !slots_owner(machine, slot, &pid))
            continue;
        printf("%s{\"pid\": %d, \"memory\": %llu, \"contexts\": %u}", separator, (int)pid, (unsigned long long)used,
               contexts);
        separator = ", ";
    }
}

static void print_limits(const struct machine *machine, unsigned gpu) {
    const char *separator = "";
    for (uint32_t i = 0; i < atomic_load(&machine->state->limits_seen); i++) {
        uint64_t cgroup = atomic_load(&machine->state->limits[i].cgroup);
        struct memory_limit limit;
        if (atomic_load(&machine->state->limits[i].gpu) != gpu || !limits_get(machine, gpu, cgroup, &limit))
            continue;
        printf("%s{\"cgroup\": %llu, \"soft\": %llu, \"hard\": %llu, \"used\": %llu}", separator,
               (unsigned long long)cgroup, (unsigned long long)limit.soft, (unsigned long long)limit.hard,
               (unsigned long long)limit.used);
        separator = ", ";
    }
}

static bool print_device(const struct machine *machine, unsigned entry, uint32_t own) {
    const struct sim_state *state = machine->state;
    const struct sim_mig *mig = &state->mig[entry];
    char profile[32];
    mig_profile_name(&mig_profiles[mig->profile], &state->gpus[mig->parent], profile, sizeof(profile));
    printf(
        "{\"uuid\": \"%s\", \"profile\": \"%s\", \"instance\": %u, \"memory\": %llu, \"used\": %llu, \"processes\": [",
        state->gpus[entry].uuid, profile, mig->instance, (unsigned long long)state->gpus[entry].memory,
        (unsigned long long)ledger_used(machine, entry));
    print_processes(machine, entry);
    printf("], ");
    bool printed = times_print(machine, entry, own);
    printf("}");
    return printed;
}

/* The MIG devices of a GPU in MIG mode, null of any other. */
static bool print_mig(const struct machine *machine, unsigned gpu, uint32_t own) {
    if (!mig_is_enabled(machine->state, gpu)) {
        printf("null");
        return true;
    }
    unsigned devices[MIG_MAX_DEVICES];
    unsigned count = mig_devices(machine->state, gpu, devices);
    bool printed = true;
    printf("[");
    for (unsigned i = 0; printed && i < count; i++) {
        printf("%s", i == 0 ? "" : ", ");
        printed = print_device(machine, devices[i], own);
    }
    printf("]");
    return printed;
}

static bool print_gpu(const struct machine *machine, unsigned index, uint32_t own) {
    const struct sim_gpu *gpu = &machine->state->gpus[index];
    printf("%s\n  {\"uuid\": \"%s\", \"name\": ", index == 0 ? "" : ",", gpu->uuid);
    print_string(gpu->name);
    printf(", \"minor\": %u, \"memory\": %llu, \"used\": %llu, \"processes\": [", gpu->minor,
           (unsigned long long)gpu->memory, (unsigned long long)mig_memory_used(machine, index));
    print_processes(machine, index);
    printf("], \"limits\": [");
    print_limits(machine, index);
    printf("], ");
    bool printed = times_print(machine, index, own);
    printf(", \"mig\": ");
    printed = printed && print_mig(machine, index, own);
    printf("}");
    return printed;
}

int tool_show(int count, char **arguments) {
    if (count != 1)
        return tool_fail("show needs the path of the state file, and nothing else");
    struct machine machine;
    uint32_t own;
    if (tool_open(&machine, arguments[0], &own) != 0)
        return 1;
    const struct sim_state *state = machine.state;
    printf("{\"driver\": \"%s\", \"cuda\": \"%u.%u\", \"gpus\": [", state->driver_version, state->cuda_version / 1000,
           state->cuda_version % 1000 / 10);
    for (unsigned i = 0; i < state->gpu_count; i++)
        if (!print_gpu(&machine, i, own))
            return tool_fail("out of memory");
    printf("]}\n");
    return 0;
}
