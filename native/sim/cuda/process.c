/* cuInit: joins the machine. */
#include "sim/cuda/process.h"

#include "sim/common/ledger.h"
#include "sim/common/memory_limits.h"
#include "sim/common/slots.h"
#include "sim/cuda/deferred.h"
#include "sim/cuda/table.h"
#include "sim/cuda/visible.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static struct process process;
static _Atomic(const struct process *) started;

/* As with the real driver, a child cannot use what its parent initialized, and cannot initialize anew. */
static _Atomic bool forked;

/* The process is exiting, and has been through what the driver does then. */
static _Atomic bool ended;

static void end(void) {
    atomic_store(&ended, true);
}

bool process_has_ended(void) {
    return atomic_load_explicit(&ended, memory_order_acquire);
}

static void after_fork_in_child(void) {
    if (atomic_load(&started) != NULL) {
        atomic_store(&forked, true);
        atomic_store(&started, NULL);
    }
}

const struct process *process_get(void) {
    return atomic_load_explicit(&started, memory_order_acquire);
}

static CUresult open_machine(struct machine *machine) {
    if (machine->state != NULL)
        return CUDA_SUCCESS;
    switch (machine_open_own(machine, true)) {
    case MACHINE_OK:
        return CUDA_SUCCESS;
    case MACHINE_ABSENT:
        return CUDA_ERROR_NO_DEVICE;
    default:
        return CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
    }
}

static CUresult start(void) {
    CUresult result = open_machine(&process.machine);
    if (result != CUDA_SUCCESS)
        return result;
    process.device_count = (int)visible_gpus(&process.machine, process.gpus);
    if (process.device_count == 0)
        return CUDA_ERROR_NO_DEVICE;
    int slot = slots_claim(&process.machine);
    if (slot < 0)
        return CUDA_ERROR_OPERATING_SYSTEM;
    process.slot = (unsigned)slot;
    limits_place(&process.machine, process.slot);
    pthread_atfork(NULL, NULL, after_fork_in_child);
    atexit(end);
    atomic_store(&started, &process);
    return CUDA_SUCCESS;
}

CUresult cuInit(unsigned int flags) {
    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (atomic_load(&forked))
        return CUDA_ERROR_NOT_INITIALIZED;
    if (process_get() != NULL)
        return CUDA_SUCCESS;
    pthread_mutex_lock(&starting);
    CUresult result = process_get() != NULL ? CUDA_SUCCESS : start();
    pthread_mutex_unlock(&starting);
    return result;
}

/* Works before cuInit, as in the real driver; so it may be the one to open the machine. */
CUresult cuDriverGetVersion(int *version) {
    if (version == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pthread_mutex_lock(&starting);
    CUresult result = open_machine(&process.machine);
    if (result == CUDA_SUCCESS)
        *version = (int)process.machine.state->cuda_version;
    pthread_mutex_unlock(&starting);
    return result;
}

CUresult process_check(void) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (process_has_ended())
        return CUDA_ERROR_DEINITIALIZED;
    return deferred_is_calling() ? CUDA_ERROR_NOT_PERMITTED : CUDA_SUCCESS;
}

CUresult process_gpu(CUdevice device, const struct sim_gpu **gpu) {
    const struct process *self = process_get();
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (device < 0 || device >= self->device_count)
        return CUDA_ERROR_INVALID_DEVICE;
    *gpu = &self->machine.state->gpus[self->gpus[device]];
    return CUDA_SUCCESS;
}

struct sim_use *process_use(CUdevice device) {
    return slots_use(&process.machine, process.slot, process.gpus[device]);
}

CUresult process_take_memory(CUdevice device, uint64_t bytes) {
    bool taken = ledger_take(&process.machine, process.slot, process.gpus[device], bytes);
    return taken ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

void process_give_memory(CUdevice device, uint64_t bytes) {
    ledger_give(&process.machine, process.slot, process.gpus[device], bytes);
}
