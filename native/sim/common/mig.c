/* A MIG device is an entry of the state like a GPU: it has memory, and processes use it in their slots.
 *
 * Its entry comes after those of the GPUs. It is written before it exists and never changes: one that is made again on
 * the same instance of a GPU is the same, as MIG devices keep their UUIDs, and any other has another entry.
 */
#include "sim/common/mig.h"

#include <stdio.h>

/* The driver numbers the nodes of capabilities through: two for all GPUs, then for each of the 15 GPU instances that a
 * GPU may have one, and one for each of 8 compute instances in it. /proc/driver/nvidia-caps/mig-minors says the same.
 */
#define FIRST_MINOR           3u
#define INSTANCES_PER_GPU     15u
#define MINORS_PER_INSTANCE   9u
#define COMPUTE_MINOR_IN_THEM 1u

unsigned mig_entries(const struct sim_state *state) {
    return state->gpu_count + atomic_load(&state->mig_count);
}

bool mig_is_sound(const struct sim_state *state, unsigned entry) {
    const struct sim_mig *mig = &state->mig[entry];
    return !mig_is_device(state, entry) || (mig->parent < state->gpu_count && mig->profile < MIG_PROFILES);
}

bool mig_is_capable(const struct sim_gpu *gpu) {
    return gpu->compute_major >= 9 || (gpu->compute_major == 8 && gpu->compute_minor == 0);
}

bool mig_is_enabled(const struct sim_state *state, unsigned entry) {
    return atomic_load(&state->mig[entry].enabled) != 0;
}

bool mig_is_device(const struct sim_state *state, unsigned entry) {
    return entry >= state->gpu_count;
}

unsigned mig_gpu_of(const struct sim_state *state, unsigned entry) {
    return mig_is_device(state, entry) ? state->mig[entry].parent : entry;
}

static void insert(const struct sim_state *state, unsigned device, unsigned *devices, unsigned count) {
    while (count > 0 && state->mig[devices[count - 1]].instance > state->mig[device].instance) {
        devices[count] = devices[count - 1];
        count--;
    }
    devices[count] = device;
}

unsigned mig_devices(const struct sim_state *state, unsigned gpu, unsigned devices[MIG_MAX_DEVICES]) {
    unsigned count = 0;
    for (unsigned i = state->gpu_count; i < mig_entries(state) && count < MIG_MAX_DEVICES; i++)
        if (atomic_load(&state->mig[i].exists) != 0 && state->mig[i].parent == gpu)
            insert(state, i, devices, count++);
    return count;
}

static bool has_capability(unsigned minor) {
    char node[64];
    snprintf(node, sizeof(node), "nvidia-caps/nvidia-cap%u", minor);
    return machine_can_open(node);
}

bool mig_is_usable(const struct machine *machine, unsigned device) {
    const struct sim_mig *mig = &machine->state->mig[device];
    uint32_t gpu_minor = machine->state->gpus[mig->parent].minor;
    unsigned minor = FIRST_MINOR + (gpu_minor * INSTANCES_PER_GPU + mig->instance) * MINORS_PER_INSTANCE;
    return atomic_load(&mig->exists) != 0 && has_capability(minor) && has_capability(minor + COMPUTE_MINOR_IN_THEM);
}

unsigned mig_usable_devices(const struct machine *machine, unsigned gpu, unsigned devices[MIG_MAX_DEVICES]) {
    unsigned all[MIG_MAX_DEVICES];
    unsigned count = mig_devices(machine->state, gpu, all);
    unsigned usable = 0;
    for (unsigned i = 0; i < count; i++)
        if (mig_is_usable(machine, all[i]))
            devices[usable++] = all[i];
    return usable;
}

bool mig_may_monitor(void) {
    return has_capability(MIG_MONITOR_MINOR);
}
