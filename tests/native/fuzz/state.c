/* The state of a simulated machine, damaged: it is refused, or what it says is in bounds. */
#include "sim/common/ledger.h"
#include "sim/common/machine.h"
#include "sim/common/mig.h"
#include "sim/common/slots.h"

#include "target.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GPUS  2
#define WORDS (offsetof(struct sim_state, event_count) / 8)

static int write_state(const uint8_t *data, size_t size) {
    static const struct {
        char magic[8];
        uint32_t version;
        uint32_t gpu_count;
    } start = {SIM_MAGIC, SIM_VERSION, GPUS};
    int file = memfd_create("state", MFD_CLOEXEC);
    target_expect(file >= 0 && pwrite(file, &start, sizeof start, 0) == sizeof start);
    target_overlay(file, data, size, WORDS, offsetof(struct sim_state, slots));
    target_expect(ftruncate(file, sizeof(struct sim_state)) == 0);
    return file;
}

static void use(const struct machine *machine) {
    target_expect(machine->state->gpu_count <= SIM_MAX_GPUS && slots_count(machine) <= SIM_MAX_SLOTS);
    for (unsigned gpu = 0; gpu < machine->state->gpu_count; gpu++) {
        target_expect(ledger_used(machine, gpu) <= machine->state->gpus[gpu].memory);
        target_expect(memchr(machine->state->gpus[gpu].name, '\0', sizeof machine->state->gpus[gpu].name) != NULL);
        target_expect(memchr(machine->state->gpus[gpu].uuid, '\0', sizeof machine->state->gpus[gpu].uuid) != NULL);
    }
    target_expect(mig_entries(machine->state) <= SIM_MAX_GPUS);
    for (unsigned entry = machine->state->gpu_count; entry < mig_entries(machine->state); entry++) {
        char name[64];
        uint32_t profile = machine->state->mig[entry].profile;
        target_expect(mig_gpu_of(machine->state, entry) < machine->state->gpu_count && profile < MIG_PROFILES);
        mig_profile_name(&mig_profiles[profile], &machine->state->gpus[entry], name, sizeof name);
        target_expect(ledger_used(machine, entry) <= machine->state->gpus[entry].memory);
    }
    target_expect(memchr(machine->state->driver_version, '\0', sizeof machine->state->driver_version) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int file = write_state(data, size);
    char path[64];
    struct machine machine;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (machine_open(&machine, path, true) == MACHINE_OK) {
        use(&machine);
        munmap(machine.state, sizeof *machine.state);
        close(machine.fd);
    }
    close(file);
    return 0;
}
