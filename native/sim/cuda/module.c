/* Modules: kernels, and the device memory that they take. */
#include "sim/cuda/module.h"

#include "sim/cuda/code.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdlib.h>
#include <string.h>

#define MODULE_MARK 0x4d4f4455u /* what a live module's first word holds */

/* As CUDA_MODULE_LOADING says. The real driver is lazy unless told otherwise. */
static bool is_lazy(void) {
    const char *loading = getenv("CUDA_MODULE_LOADING");
    return loading != NULL && strcmp(loading, "LAZY") == 0;
}

static bool is_module(CUmodule module) {
    return module != NULL && module->mark == MODULE_MARK;
}

CUresult module_begin(CUmodule module, CUcontext context, const char *image, CUmodule of_functions) {
    CUresult result = code_load(&module->code, context, image);
    if (result != CUDA_SUCCESS)
        return result;
    module->put_off = context == NULL ? strlen(image) : 0;
    result = functions_load(&module->functions, image, of_functions);
    if (result == CUDA_SUCCESS)
        module->mark = MODULE_MARK;
    else
        context_give_part(&module->code);
    return result;
}

void module_end(CUmodule module) {
    module->mark = 0;
    functions_unload(&module->functions);
    context_give_part(&module->code);
}

CUresult module_load_rest(CUmodule module, CUcontext context) {
    uint64_t bytes = atomic_exchange(&module->put_off, 0);
    CUresult result = bytes != 0 ? context_take_part(&module->code, context, bytes) : CUDA_SUCCESS;
    if (result != CUDA_SUCCESS)
        atomic_store(&module->put_off, bytes);
    return result;
}

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (module == NULL || image == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUmodule loaded = calloc(1, sizeof(*loaded));
    CUcontext taken_in = is_lazy() ? NULL : context;
    result = loaded != NULL ? module_begin(loaded, taken_in, image, loaded) : CUDA_ERROR_OUT_OF_MEMORY;
    if (result != CUDA_SUCCESS) {
        free(loaded);
        return result;
    }
    loaded->context = context;
    *module = loaded;
    return CUDA_SUCCESS;
}

/* The options are about translation, of which there is none. */
CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int count, int *options, void **values) {
    (void)count, (void)options, (void)values;
    return cuModuleLoadData(module, image);
}

CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) {
    return cuModuleLoadData(module, image);
}

CUresult cuModuleLoad(CUmodule *module, const char *path) {
    char *image;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (module == NULL || path == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = code_read(path, &image);
    if (result != CUDA_SUCCESS)
        return result;
    result = cuModuleLoadData(module, image);
    free(image);
    return result;
}

/* One of a library ends with that. */
CUresult cuModuleUnload(CUmodule module) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!is_module(module) || module->library != NULL)
        return CUDA_ERROR_INVALID_HANDLE;
    module_end(module);
    free(module);
    return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (function == NULL || name == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (!is_module(module))
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = functions_find(&module->functions, name, function);
    return result != CUDA_SUCCESS ? result : module_load_rest(module, module->context);
}
