/* Versions, process names, and the texts of errors. */
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

#include <stdio.h>
#include <string.h>

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int size) {
    const struct machine *machine = library_machine();
    return machine == NULL ? NVML_ERROR_UNINITIALIZED : library_copy(version, size, machine->state->driver_version);
}

/* NVML's version is CUDA's major version and the driver's: 13.580.65.06. */
nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int size) {
    const struct machine *machine = library_machine();
    if (machine == NULL)
        return NVML_ERROR_UNINITIALIZED;
    char text[64];
    snprintf(text, sizeof(text), "%u.%s", machine->state->cuda_version / 1000, machine->state->driver_version);
    return library_copy(version, size, text);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
    const struct machine *machine = library_machine();
    if (machine == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (version == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    *version = (int)machine->state->cuda_version;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) {
    return nvmlSystemGetCudaDriverVersion_v2(version);
}

/* The program of a process, as its command line has it; cut short if the buffer is. */
nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char *name, unsigned int size) {
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (name == NULL || size == 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    char path[32];
    char command[4096];
    snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NVML_ERROR_NOT_FOUND;
    size_t length = fread(command, 1, sizeof(command) - 1, file);
    fclose(file);
    command[length] = '\0';
    snprintf(name, size, "%s", command);
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result) {
    switch (result) {
    case NVML_SUCCESS:
        return "Success";
    case NVML_ERROR_UNINITIALIZED:
        return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT:
        return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED:
        return "Not Supported";
    case NVML_ERROR_NO_PERMISSION:
        return "Insufficient Permissions";
    case NVML_ERROR_NOT_FOUND:
        return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE:
        return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED:
        return "Driver Not Loaded";
    case NVML_ERROR_TIMEOUT:
        return "Timeout";
    case NVML_ERROR_GPU_IS_LOST:
        return "GPU is lost";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return "Driver/library version mismatch";
    case NVML_ERROR_ARGUMENT_VERSION_MISMATCH:
        return "Argument version mismatch";
    default:
        return "Unknown Error";
    }
}
