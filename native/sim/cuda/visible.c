/* Reads CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER as the driver does.
 *
 * Rules (NVIDIA's CUDA programming guide, and how PyTorch reads the variable to agree with the driver): a list of
 * indices, or of UUIDs that may be cut short as long as they are unique; the first entry that names no GPU ends it; an
 * entry that names the same GPU as another makes it empty; "2x" is 2; an empty variable shows nothing.
 *
 * MIG (NVIDIA's MIG User Guide, "CUDA Device Enumeration"): a process enumerates one MIG device, however many there
 * are, and beside it no GPU. Of several it is the first. A GPU in MIG mode stands for its first MIG device.
 */
#include "sim/cuda/visible.h"

#include "sim/common/mig.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NONE SIM_MAX_GPUS

static const struct sim_state *sorted_state; /* qsort has no argument for it; set under cuInit's lock */

static int by_speed(const void *left, const void *right) {
    const struct sim_gpu *a = &sorted_state->gpus[*(const unsigned *)left];
    const struct sim_gpu *b = &sorted_state->gpus[*(const unsigned *)right];
    int capability_a = (int)(a->compute_major * 100 + a->compute_minor);
    int capability_b = (int)(b->compute_major * 100 + b->compute_minor);
    if (capability_a != capability_b)
        return capability_b - capability_a;
    if (a->multiprocessors != b->multiprocessors)
        return (int)b->multiprocessors - (int)a->multiprocessors;
    return a < b ? -1 : a > b;
}

/* All usable GPUs, the fastest first unless PCI order is asked for. */
static unsigned ordered_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]) {
    unsigned count = machine_usable_gpus(machine, gpus);
    const char *order = getenv("CUDA_DEVICE_ORDER");
    if (order == NULL || strcmp(order, "PCI_BUS_ID") != 0) {
        sorted_state = machine->state;
        qsort(gpus, count, sizeof(gpus[0]), by_speed);
    }
    return count;
}

static unsigned named_by_uuid(const struct machine *machine, const unsigned *gpus, unsigned count, const char *entry,
                              size_t length) {
    unsigned found = NONE;
    for (unsigned i = 0; i < count; i++) {
        if (strncmp(machine->state->gpus[gpus[i]].uuid, entry, length) != 0)
            continue;
        if (found != NONE)
            return NONE;
        found = gpus[i];
    }
    return found;
}

/* The MIG device, among those of the GPUs that the process may use itself. */
static unsigned named_mig_device(const struct machine *machine, const unsigned *gpus, unsigned count, const char *entry,
                                 size_t length) {
    unsigned all[SIM_MAX_GPUS];
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++)
        found += mig_usable_devices(machine, gpus[i], all + found);
    return named_by_uuid(machine, all, found, entry, length);
}

static unsigned named_by_index(const unsigned *gpus, unsigned count, const char *entry) {
    char *end;
    long index = strtol(entry, &end, 10);
    return end != entry && index >= 0 && index < (long)count ? gpus[index] : NONE;
}

static unsigned named(const struct machine *machine, const unsigned *gpus, unsigned count, const char *entry) {
    size_t length = strcspn(entry, ", \t");
    if (strncmp(entry, "GPU-", 4) == 0)
        return named_by_uuid(machine, gpus, count, entry, length);
    if (strncmp(entry, "MIG-", 4) == 0)
        return named_mig_device(machine, gpus, count, entry, length);
    return named_by_index(gpus, count, entry);
}

static bool contains(const unsigned *gpus, unsigned count, unsigned gpu) {
    for (unsigned i = 0; i < count; i++)
        if (gpus[i] == gpu)
            return true;
    return false;
}

static unsigned read_list(const struct machine *machine, const char *list, unsigned gpus[SIM_MAX_GPUS]) {
    unsigned all[SIM_MAX_GPUS];
    unsigned count = ordered_gpus(machine, all);
    unsigned visible = 0;
    for (const char *entry = list; entry != NULL;) {
        while (isspace((unsigned char)*entry))
            entry++;
        unsigned gpu = named(machine, all, count, entry);
        if (gpu == NONE)
            break;
        if (contains(gpus, visible, gpu))
            return 0;
        gpus[visible++] = gpu;
        entry = strchr(entry, ',');
        if (entry != NULL)
            entry++;
    }
    return visible;
}

/* The MIG device that a visible entry stands for; NONE where it stands for no MIG device. */
static unsigned mig_device_of(const struct machine *machine, unsigned gpu) {
    unsigned devices[MIG_MAX_DEVICES];
    if (mig_is_device(machine->state, gpu))
        return gpu;
    return mig_usable_devices(machine, gpu, devices) > 0 ? devices[0] : NONE;
}

/* Leaves the first MIG device alone, or where there is none the GPUs that are not in MIG mode. */
static unsigned enumerate(const struct machine *machine, unsigned *gpus, unsigned count) {
    unsigned left = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned device = mig_device_of(machine, gpus[i]);
        if (device != NONE) {
            gpus[0] = device;
            return 1;
        }
        if (!mig_is_enabled(machine->state, gpus[i]))
            gpus[left++] = gpus[i];
    }
    return left;
}

unsigned visible_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]) {
    const char *list = getenv("CUDA_VISIBLE_DEVICES");
    return enumerate(machine, gpus, list == NULL ? ordered_gpus(machine, gpus) : read_list(machine, list, gpus));
}
