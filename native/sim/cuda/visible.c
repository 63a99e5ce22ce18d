/* Reads CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER as the driver does.
 *
 * Rules (NVIDIA's CUDA programming guide, and how PyTorch reads the variable to agree with the driver): a list of
 * indices, or of UUIDs that may be cut short as long as they are unique; the first entry that names no GPU ends it; an
 * entry that names the same GPU as another makes it empty; "2x" is 2; an empty variable shows nothing.
 */
#include "sim/cuda/visible.h"

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

static unsigned named_by_index(const unsigned *gpus, unsigned count, const char *entry) {
    char *end;
    long index = strtol(entry, &end, 10);
    return end != entry && index >= 0 && index < (long)count ? gpus[index] : NONE;
}

static bool contains(const unsigned *gpus, unsigned count, unsigned gpu) {
    for (unsigned i = 0; i < count; i++)
        if (gpus[i] == gpu)
            return true;
    return false;
}

unsigned visible_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]) {
    unsigned all[SIM_MAX_GPUS];
    unsigned count = ordered_gpus(machine, all);
    const char *list = getenv("CUDA_VISIBLE_DEVICES");
    if (list == NULL) {
        memcpy(gpus, all, count * sizeof(gpus[0]));
        return count;
    }
    unsigned visible = 0;
    for (const char *entry = list; entry != NULL;) {
        while (isspace((unsigned char)*entry))
            entry++;
        size_t length = strcspn(entry, ", \t");
        unsigned gpu = strncmp(entry, "GPU-", 4) == 0 ? named_by_uuid(machine, all, count, entry, length)
                                                      : named_by_index(all, count, entry);
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
