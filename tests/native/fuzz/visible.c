/* CUDA_VISIBLE_DEVICES as the simulated driver reads it: only GPUs that there are, each once; or one MIG device. */
#include "sim/cuda/visible.h"

#include "target.h"

#include <stdlib.h>
#include <string.h>

#define GPUS    4
#define DIVIDED 3 /* the GPU in MIG mode */
#define DEVICES 2 /* its MIG devices, after the GPUs */

/* All of them, instead of those whose device nodes are there. */
unsigned machine_usable_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]) {
    for (unsigned i = 0; i < machine->state->gpu_count; i++)
        gpus[i] = i;
    return machine->state->gpu_count;
}

bool machine_can_open(const char *node) {
    return node != NULL;
}

static struct sim_state *make_state(void) {
    struct sim_state *state = aligned_alloc(_Alignof(struct sim_state), sizeof *state);
    static const char *const uuids[GPUS + DEVICES] = {
        "GPU-11111111-1111-1111-1111-111111111111", "GPU-11111111-2222-2222-2222-222222222222",
        "GPU-33333333-3333-3333-3333-333333333333", "GPU-44444444-4444-4444-4444-444444444444",
        "MIG-44444444-1111-1111-1111-111111111111", "MIG-44444444-2222-2222-2222-222222222222"};
    if (state == NULL)
        abort();
    memset(state, 0, offsetof(struct sim_state, slots));
    state->gpu_count = GPUS;
    state->mig_count = DEVICES;
    state->mig[DIVIDED].enabled = 1;
    for (unsigned i = 0; i < GPUS + DEVICES; i++) {
        strcpy(state->gpus[i].uuid, uuids[i]);
        if (i >= GPUS)
            state->mig[i] = (struct sim_mig){.exists = 1, .parent = DIVIDED, .instance = i};
    }
    return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct machine machine;
    if (machine.state == NULL)
        machine.state = make_state();
    char *text = target_text(data, size);
    unsigned gpus[SIM_MAX_GPUS], seen = 0;
    setenv("CUDA_VISIBLE_DEVICES", text, 1);
    unsigned count = visible_gpus(&machine, gpus);
    for (unsigned i = 0; i < count; i++) {
        target_expect(gpus[i] < GPUS + DEVICES && gpus[i] != DIVIDED && (seen & 1u << gpus[i]) == 0);
        target_expect(gpus[i] < GPUS || count == 1);
        seen |= 1u << gpus[i];
    }
    free(text);
    return 0;
}
