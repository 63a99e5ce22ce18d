/* hami-sim mig: divides a GPU into MIG devices, or undoes it, while the machine is in use. */
#include "sim/common/mig.h"
#include "sim/common/ledger.h"
#include "sim/common/machine.h"
#include "sim/common/memory_limits.h"
#include "sim/common/slots.h"
#include "sim/tool/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a GPU is to be divided: how many devices of each profile. */
struct layout {
    bool enabled;
    unsigned wanted[MIG_PROFILES];
};

static int add_profile(struct layout *layout, const struct sim_gpu *gpu, const char *name) {
    for (unsigned profile = 0; profile < MIG_PROFILES; profile++) {
        char known[32];
        mig_profile_name(&mig_profiles[profile], gpu, known, sizeof(known));
        if (strcmp(name, known) == 0) {
            layout->wanted[profile]++;
            return 0;
        }
    }
    return tool_fail("%s: GPU %s has no such MIG profile", name, gpu->uuid);
}

static int check_fit(const struct layout *layout, const struct sim_gpu *gpu) {
    unsigned slices = 0;
    unsigned eighths = 0;
    for (unsigned profile = 0; profile < MIG_PROFILES; profile++) {
        slices += layout->wanted[profile] * mig_profiles[profile].slices;
        eighths += layout->wanted[profile] * mig_profiles[profile].eighths;
    }
    if (slices > MIG_SLICES || eighths > MIG_EIGHTHS)
        return tool_fail("GPU %s has %d slices and %d eighths of memory: %u and %u are too many", gpu->uuid, MIG_SLICES,
                         MIG_EIGHTHS, slices, eighths);
    return 0;
}

static int read_layout(struct layout *layout, const struct sim_gpu *gpu, int count, char **words) {
    layout->enabled = count > 0 && strcmp(words[0], "on") == 0;
    if (count < 1 || (!layout->enabled && (count > 1 || strcmp(words[0], "off") != 0)))
        return tool_fail("mig needs `off`, or `on` with the profiles of the devices");
    if (!mig_is_capable(gpu))
        return tool_fail("GPU %s (%s) cannot be divided by MIG", gpu->uuid, gpu->name);
    for (int i = 1; i < count; i++)
        if (add_profile(layout, gpu, words[i]) != 0)
            return 1;
    return check_fit(layout, gpu);
}

static bool is_in_use(const struct machine *machine, unsigned entry) {
    if (ledger_used(machine, entry) > 0)
        return true;
    for (unsigned slot = 0; slot < slots_count(machine); slot++) {
        pid_t owner;
        if (atomic_load(&slots_use(machine, slot, entry)->contexts) > 0 && slots_owner(machine, slot, &owner))
            return true;
    }
    return false;
}

/* Takes out of `wanted` what is there, and leaves in `devices` what must go; returns how many those are. */
static unsigned keep(const struct machine *machine, unsigned gpu, unsigned *wanted, unsigned devices[MIG_MAX_DEVICES]) {
    unsigned all[MIG_MAX_DEVICES];
    unsigned count = mig_devices(machine->state, gpu, all);
    unsigned doomed = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t profile = machine->state->mig[all[i]].profile;
        if (wanted[profile] > 0)
            wanted[profile]--;
        else
            devices[doomed++] = all[i];
    }
    return doomed;
}

/* An id of the profile's that no device of the GPU has; check_fit has made sure that there is one. */
static uint32_t free_instance(const struct sim_state *state, unsigned gpu, const struct mig_profile *profile) {
    unsigned devices[MIG_MAX_DEVICES];
    unsigned count = mig_devices(state, gpu, devices);
    uint32_t instance = profile->first_instance;
    for (unsigned i = 0; i < count; i++) /* by ascending ids */
        if (state->mig[devices[i]].instance == instance)
            instance++;
    return instance;
}

/* The UUID of a MIG device follows from its GPU's and its instance: it is the same when it is made again. */
static void name_device(const struct sim_gpu *gpu, uint32_t profile, uint32_t instance, char *uuid) {
    strcpy(uuid, gpu->uuid);
    memcpy(uuid, "MIG", 3);
    unsigned mix = 1 + profile * 16 + instance; /* not 0, so that it is not the GPU's */
    for (char *digit = uuid + strlen(uuid) - 2; *digit != '\0'; digit++, mix >>= 4) {
        unsigned long value = strtoul((char[]){*digit, '\0'}, NULL, 16);
        *digit = "0123456789abcdef"[value ^ (mix & 0xf)];
    }
}

static void describe(struct sim_state *state, unsigned entry, unsigned gpu, uint32_t profile, uint32_t instance) {
    const struct sim_gpu whole = state->gpus[gpu];
    struct sim_gpu *part = &state->gpus[entry];
    char size[32];
    mig_profile_name(&mig_profiles[profile], &whole, size, sizeof(size));
    *part = whole;
    name_device(&whole, profile, instance, part->uuid);
    snprintf(part->name, sizeof(part->name), "%.58s MIG %.31s", whole.name, size);
    part->memory = mig_profile_memory(&mig_profiles[profile], &whole);
    part->multiprocessors = mig_profile_multiprocessors(&mig_profiles[profile], &whole);
    state->mig[entry] = (struct sim_mig){.parent = gpu, .profile = profile, .instance = instance};
}

/* The entry of a device, the one that it had before if it did; SIM_MAX_GPUS: there is none left. */
static unsigned entry_for(struct sim_state *state, unsigned gpu, uint32_t profile, uint32_t instance) {
    unsigned entry = state->gpu_count;
    for (; entry < mig_entries(state); entry++) {
        const struct sim_mig *mig = &state->mig[entry];
        if (mig->parent == gpu && mig->profile == profile && mig->instance == instance)
            return entry;
    }
    if (entry < SIM_MAX_GPUS) {
        describe(state, entry, gpu, profile, instance);
        atomic_fetch_add(&state->mig_count, 1);
    }
    return entry;
}

static int make(struct sim_state *state, unsigned gpu, const unsigned *wanted) {
    for (uint32_t profile = 0; profile < MIG_PROFILES; profile++)
        for (unsigned i = 0; i < wanted[profile]; i++) {
            uint32_t instance = free_instance(state, gpu, &mig_profiles[profile]);
            unsigned entry = entry_for(state, gpu, profile, instance);
            if (entry == SIM_MAX_GPUS)
                return tool_fail("more than %d GPUs and MIG devices", SIM_MAX_GPUS);
            atomic_store(&state->mig[entry].exists, 1);
        }
    return 0;
}

static int apply(const struct machine *machine, unsigned gpu, struct layout *layout) {
    struct sim_state *state = machine->state;
    unsigned doomed[MIG_MAX_DEVICES];
    unsigned count = keep(machine, gpu, layout->wanted, doomed);
    if (!mig_is_enabled(state, gpu) && layout->enabled && is_in_use(machine, gpu))
        return tool_fail("GPU %s is in use: MIG mode can only be changed while it is idle", state->gpus[gpu].uuid);
    for (unsigned i = 0; i < count; i++)
        if (is_in_use(machine, doomed[i]))
            return tool_fail("MIG device %s is in use", state->gpus[doomed[i]].uuid);
    for (unsigned i = 0; i < count; i++)
        atomic_store(&state->mig[doomed[i]].exists, 0);
    atomic_store(&state->mig[gpu].enabled, layout->enabled);
    if (layout->enabled)
        limits_forget(machine, gpu);
    return make(state, gpu, layout->wanted);
}

static unsigned find_gpu(const struct sim_state *state, const char *uuid) {
    unsigned gpu = 0;
    while (gpu < state->gpu_count && strcmp(state->gpus[gpu].uuid, uuid) != 0)
        gpu++;
    return gpu;
}

int tool_mig(int count, char **arguments) {
    if (count < 3)
        return tool_fail("mig needs the path of the state file, a GPU's UUID, and `off` or `on` with profiles");
    struct machine machine;
    struct layout layout = {0};
    if (machine_open(&machine, arguments[0], true) != MACHINE_OK)
        return tool_fail("%s: not the state of a simulated machine, or one of another version", arguments[0]);
    unsigned gpu = find_gpu(machine.state, arguments[1]);
    if (gpu == machine.state->gpu_count)
        return tool_fail("%s: there is no GPU %s", arguments[0], arguments[1]);
    if (read_layout(&layout, &machine.state->gpus[gpu], count - 2, arguments + 2) != 0)
        return 1;
    if (!slots_lock(&machine))
        return tool_fail("%s: cannot be locked", arguments[0]);
    int failed = apply(&machine, gpu, &layout);
    slots_unlock(&machine);
    return failed;
}
