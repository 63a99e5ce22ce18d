/*
 * Code on the device: modules, which belong to a context, and libraries, which belong to none.
 *
 * How much memory loaded code takes, with its variables, the driver alone knows. So it is loaded first, and unloaded if
 * that does not fit. What the driver puts off until a function or variable is looked up, or a function launched, cannot
 * be unloaded: it counts soon after.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/overhead.h"

static CUresult keep_module(CUresult result, CUmodule *module) {
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_current_context() : NULL;
    if (overhead_fits(gpu))
        return result;
    DRIVER(cuModuleUnload)(*module);
    overhead_settle(gpu);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuModuleLoad(CUmodule *module, const char *path) {
    return keep_module(DRIVER(cuModuleLoad)(module, path), module);
}

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    return keep_module(DRIVER(cuModuleLoadData)(module, image), module);
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int count, int *options, void **values) {
    return keep_module(DRIVER(cuModuleLoadDataEx)(module, image, count, options, values), module);
}

CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) {
    return keep_module(DRIVER(cuModuleLoadFatBinary)(module, image), module);
}

CUresult cuModuleUnload(CUmodule module) {
    CUresult result = DRIVER(cuModuleUnload)(module);
    if (result == CUDA_SUCCESS)
        overhead_settle(gpu_of_current_context());
    return result;
}

static CUresult keep_library(CUresult result, CUlibrary *library) {
    struct gpu *gpu = result == CUDA_SUCCESS ? gpu_of_current_context() : NULL;
    if (overhead_fits(gpu))
        return result;
    DRIVER(cuLibraryUnload)(*library);
    overhead_settle(gpu);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuLibraryLoadData(CUlibrary *library, const void *image, int *options, void **values, unsigned int count,
                           int *library_options, void **library_values, unsigned int library_count) {
    return keep_library(DRIVER(cuLibraryLoadData)(library, image, options, values, count, library_options,
                                                  library_values, library_count),
                        library);
}

CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *path, int *options, void **values, unsigned int count,
                               int *library_options, void **library_values, unsigned int library_count) {
    return keep_library(DRIVER(cuLibraryLoadFromFile)(library, path, options, values, count, library_options,
                                                      library_values, library_count),
                        library);
}

/* It may be loaded in contexts on several GPUs. */
CUresult cuLibraryUnload(CUlibrary library) {
    CUresult result = DRIVER(cuLibraryUnload)(library);
    if (result == CUDA_SUCCESS)
        overheads_settle();
    return result;
}

/* What is not found in the code may have been looked for in what was loaded for it. */
static CUresult looked_up(CUresult result) {
    overhead_is_stale(gpu_of_current_context());
    return result;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    return looked_up(DRIVER(cuModuleGetFunction)(function, module, name));
}

CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
    return looked_up(DRIVER(cuKernelGetFunction)(function, kernel));
}

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name) {
    return looked_up(DRIVER(cuLibraryGetKernel)(kernel, library, name));
}

CUresult cuLibraryGetModule(CUmodule *module, CUlibrary library) {
    return looked_up(DRIVER(cuLibraryGetModule)(module, library));
}

CUresult cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary library, const char *name) {
    return looked_up(DRIVER(cuLibraryGetGlobal)(address, bytes, library, name));
}

CUresult cuLibraryGetManaged(CUdeviceptr *address, size_t *bytes, CUlibrary library, const char *name) {
    return looked_up(DRIVER(cuLibraryGetManaged)(address, bytes, library, name));
}

CUresult cuFuncLoad(CUfunction function) {
    return looked_up(DRIVER(cuFuncLoad)(function));
}
