/* See function.h. */
#include "sim/cuda/function.h"

#include "sim/cuda/context.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdlib.h>
#include <string.h>

#define MARK 0x46554e43u /* what a live function's first word holds */

bool function_is(CUfunction function) {
    return function != NULL && function->mark == MARK;
}

static void set_defaults(struct CUfunc_st *function) {
    function->attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK] = 1024;
    function->attributes[CU_FUNC_ATTRIBUTE_NUM_REGS] = 32;
    function->attributes[CU_FUNC_ATTRIBUTE_PTX_VERSION] = 80;
    function->attributes[CU_FUNC_ATTRIBUTE_BINARY_VERSION] = 80;
    function->attributes[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES] = 49152;
    function->attributes[CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT] = -1;
}

static bool add(struct functions *functions, const struct ptx_kernel *kernel, CUmodule module) {
    struct CUfunc_st *all = realloc(functions->all, (functions->count + 1) * sizeof(*all));
    if (all == NULL)
        return false;
    functions->all = all;
    struct CUfunc_st *function = &all[functions->count];
    *function = (struct CUfunc_st){MARK, .module = module, .kernel = *kernel};
    function->name = strndup(kernel->name, kernel->name_length);
    set_defaults(function);
    functions->count += function->name != NULL;
    return function->name != NULL;
}

CUresult functions_load(struct functions *functions, const char *image, CUmodule module) {
    struct ptx_kernel kernel;
    bool is_wrong;
    bool is_added = true;
    *functions = (struct functions){0};
    while (is_added && ptx_next(&image, &kernel, &is_wrong))
        is_added = add(functions, &kernel, module);
    if (is_added && !is_wrong)
        return CUDA_SUCCESS;
    functions_unload(functions);
    return is_added ? CUDA_ERROR_INVALID_PTX : CUDA_ERROR_OUT_OF_MEMORY;
}

void functions_unload(struct functions *functions) {
    for (size_t i = 0; i < functions->count; i++) {
        functions->all[i].mark = 0;
        free(functions->all[i].name);
    }
    free(functions->all);
}

CUresult functions_find(const struct functions *functions, const char *name, CUfunction *function) {
    for (size_t i = 0; i < functions->count; i++)
        if (strcmp(functions->all[i].name, name) == 0) {
            *function = &functions->all[i];
            return CUDA_SUCCESS;
        }
    return CUDA_ERROR_NOT_FOUND;
}

static CUresult check(CUfunction function) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    return function_is(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuFuncGetModule(CUmodule *module, CUfunction function) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (module == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *module = function->module;
    return *module != NULL ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuFuncGetName(const char **name, CUfunction function) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (name == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *name = function->name;
    return CUDA_SUCCESS;
}

CUresult cuKernelGetName(const char **name, CUkernel kernel) {
    return cuFuncGetName(name, (CUfunction)kernel);
}

CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *size) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (offset == NULL || index >= function->kernel.parameter_count)
        return CUDA_ERROR_INVALID_VALUE;
    *offset = function->kernel.parameters[index].offset;
    if (size != NULL)
        *size = function->kernel.parameters[index].size;
    return CUDA_SUCCESS;
}

CUresult cuKernelGetParamInfo(CUkernel kernel, size_t index, size_t *offset, size_t *size) {
    return cuFuncGetParamInfo((CUfunction)kernel, index, offset, size);
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (value == NULL || (unsigned)attribute >= FUNCTION_ATTRIBUTES)
        return CUDA_ERROR_INVALID_VALUE;
    *value = function->attributes[attribute];
    return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
    CUresult result = check(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES &&
        attribute != CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT)
        return CUDA_ERROR_INVALID_VALUE;
    function->attributes[attribute] = value;
    return CUDA_SUCCESS;
}

/* What the device does with its caches makes no difference here. */
CUresult cuFuncSetCacheConfig(CUfunction function, int config) {
    (void)config;
    return check(function);
}

CUresult cuKernelGetAttribute(int *value, CUfunction_attribute attribute, CUkernel kernel, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    return result != CUDA_SUCCESS ? result : cuFuncGetAttribute(value, attribute, (CUfunction)kernel);
}

CUresult cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel kernel, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    return result != CUDA_SUCCESS ? result : cuFuncSetAttribute((CUfunction)kernel, attribute, value);
}

/* In the current context, where a kernel's code is already: it takes no memory of its own. */
CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
    CUcontext context;
    CUresult result = check((CUfunction)kernel);
    if (result == CUDA_SUCCESS)
        result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    if (function == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *function = (CUfunction)kernel;
    return CUDA_SUCCESS;
}

CUresult cuFuncLoad(CUfunction function) {
    return check(function);
}
