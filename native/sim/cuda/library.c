/* Libraries of code that belong to no context.
 *
 * The driver loads them into each context that comes to use them; here they take the memory of the first one alone: of
 * the one that is current when they are loaded, if there is one, else when their module or a variable is asked for.
 */
#include "sim/cuda/code.h"
#include "sim/cuda/module.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdbool.h>
#include <stdlib.h>

#define LIBRARY_MARK 0x4c494252u /* what a live library's first word holds */

struct CUlib_st {
    uint32_t mark;
    struct CUmod_st module;
};

static bool is_library(CUlibrary library) {
    return library != NULL && library->mark == LIBRARY_MARK;
}

/* The options are about translation, of which there is none. */
CUresult cuLibraryLoadData(CUlibrary *library, const void *image, int *options, void **values, unsigned int count,
                           int *library_options, void **library_values, unsigned int library_count) {
    (void)options, (void)values, (void)count, (void)library_options, (void)library_values, (void)library_count;
    CUcontext context;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (library == NULL || image == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (context_current(&context) != CUDA_SUCCESS)
        context = NULL;
    CUlibrary loaded = calloc(1, sizeof(*loaded));
    CUresult result = loaded != NULL ? module_begin(&loaded->module, context, image, NULL) : CUDA_ERROR_OUT_OF_MEMORY;
    if (result != CUDA_SUCCESS) {
        free(loaded);
        return result;
    }
    loaded->mark = LIBRARY_MARK;
    loaded->module.library = loaded;
    loaded->module.context = context;
    *library = loaded;
    return CUDA_SUCCESS;
}

CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *path, int *options, void **values, unsigned int count,
                               int *library_options, void **library_values, unsigned int library_count) {
    char *image;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (library == NULL || path == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = code_read(path, &image);
    if (result != CUDA_SUCCESS)
        return result;
    result = cuLibraryLoadData(library, image, options, values, count, library_options, library_values, library_count);
    free(image);
    return result;
}

CUresult cuLibraryUnload(CUlibrary library) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!is_library(library))
        return CUDA_ERROR_INVALID_HANDLE;
    library->mark = 0;
    module_end(&library->module);
    free(library);
    return CUDA_SUCCESS;
}

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (kernel == NULL || name == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    return is_library(library) ? functions_find(&library->module.functions, name, (CUfunction *)kernel)
                               : CUDA_ERROR_INVALID_HANDLE;
}

static CUresult load_into_current(CUlibrary library) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (!is_library(library))
        return CUDA_ERROR_INVALID_HANDLE;
    result = module_load_rest(&library->module, context);
    if (result == CUDA_SUCCESS && library->module.context == NULL)
        library->module.context = context;
    return result;
}

CUresult cuLibraryGetModule(CUmodule *module, CUlibrary library) {
    if (module == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = load_into_current(library);
    if (result == CUDA_SUCCESS)
        *module = &library->module;
    return result;
}

/* Of an image only the kernels are read, so none has variables. */
static CUresult find_variable(const CUdeviceptr *address, const size_t *bytes, CUlibrary library, const char *name) {
    if (name == NULL || (address == NULL && bytes == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = load_into_current(library);
    return result != CUDA_SUCCESS ? result : CUDA_ERROR_NOT_FOUND;
}

CUresult cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary library, const char *name) {
    return find_variable(address, bytes, library, name);
}

CUresult cuLibraryGetManaged(CUdeviceptr *address, size_t *bytes, CUlibrary library, const char *name) {
    return find_variable(address, bytes, library, name);
}
