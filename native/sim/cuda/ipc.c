/* Memory of cuMemAlloc in several processes. A handle says where the maker has the file with its bytes: so a process
 * that opens it must be of the same PID namespace and user, and the maker must live.
 */
#include "sim/cuda/memory.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "HAMIIPC"

struct name {
    char magic[8];
    pid_t pid;
    int file; /* of that process */
};

CUresult cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr pointer) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    const struct shared_memory *shared;
    CUresult result = handle != NULL ? memory_share(pointer, &shared) : CUDA_ERROR_INVALID_VALUE;
    if (result != CUDA_SUCCESS)
        return result;
    struct name name = {MAGIC, getpid(), shared->file};
    memset(handle, 0, sizeof *handle);
    memcpy(handle, &name, sizeof name);
    return CUDA_SUCCESS;
}

static struct shared_memory *open_named(const struct name *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)name->pid, name->file);
    int file = open(path, O_RDWR | O_CLOEXEC);
    struct shared_memory *shared = file >= 0 ? shared_memory_open(file) : NULL;
    if (file >= 0)
        close(file);
    return shared;
}

/* Each opening has addresses of its own. The process that made the memory cannot open it. */
CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *pointer, CUipcMemHandle handle, unsigned int flags) {
    struct name name;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    memcpy(&name, &handle, sizeof name);
    if (pointer == NULL || flags != CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS ||
        memcmp(name.magic, MAGIC, sizeof name.magic) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    struct shared_memory *shared = name.pid != getpid() ? open_named(&name) : NULL;
    if (shared == NULL)
        return CUDA_ERROR_INVALID_CONTEXT;
    CUresult result = memory_open(shared, pointer);
    if (result != CUDA_SUCCESS)
        shared_memory_close(shared);
    return result;
}

CUresult cuIpcOpenMemHandle(CUdeviceptr *pointer, CUipcMemHandle handle, unsigned int flags) {
    return cuIpcOpenMemHandle_v2(pointer, handle, flags);
}

CUresult cuIpcCloseMemHandle(CUdeviceptr pointer) {
    return memory_close(pointer);
}
