/* This process as a client of the simulated machine: its slot, and the GPUs that it sees. */
#ifndef HAMI_SIM_PROCESS_H
#define HAMI_SIM_PROCESS_H

#include "abi/cuda.h"
#include "sim/common/machine.h"

struct process {
    struct machine machine;
    unsigned slot;
    int device_count;
    unsigned gpus[SIM_MAX_GPUS]; /* by CUDA ordinal: the GPU's index in the machine's state */
};

/* The process, after cuInit; NULL before, and in a child that was forked after it. */
const struct process *process_get(void);

/* Whether the driver has been shut down, which happens while the process exits. */
bool process_has_ended(void);

/* Whether the driver may be called: after cuInit, not after its end, and in no function that it calls itself. */
CUresult process_check(void);

/* The GPU with this ordinal, or the reason why there is none. */
CUresult process_gpu(CUdevice device, const struct sim_gpu **gpu);

/* What the process uses of the GPU with this ordinal. */
struct sim_use *process_use(CUdevice device);

/* Takes device memory, rounded up to whole units, from the GPU with this ordinal, and gives it back. */
CUresult process_take_memory(CUdevice device, uint64_t bytes);
void process_give_memory(CUdevice device, uint64_t bytes);

#endif
