/* Arrays and mipmapped arrays: device memory in a layout of the driver's own, known by handle. */
#include "core/array_size.h"
#include "core/context_handles.h"
#include "core/devices.h"
#include "core/driver.h"
#include "core/physical.h"

/* What remains to do after the driver's answer. False if the array cannot be remembered: then the caller destroys it.
 * One that takes nothing by itself may come to be mapped to memory. */
static bool keep(CUresult result, uint64_t handle, struct gpu *gpu, uint64_t bytes) {
    if (result == CUDA_SUCCESS && gpu != NULL)
        return context_handles_keep((struct allocation){.key = handle, .bytes = bytes, .gpu = gpu});
    gpu_give_back(gpu, bytes);
    return true;
}

static CUresult keep_array(CUresult result, CUarray *array, struct gpu *gpu, uint64_t bytes) {
    if (keep(result, result == CUDA_SUCCESS ? (uint64_t)*array : 0, gpu, bytes))
        return result;
    DRIVER(cuArrayDestroy)(*array);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* Reserves what an array of that shape will take in the current context. NULL is the driver's to refuse. */
static bool reserve(const CUDA_ARRAY3D_DESCRIPTOR *shape, struct gpu **gpu, uint64_t *bytes) {
    *gpu = shape != NULL ? gpu_of_current_context() : NULL;
    *bytes = *gpu != NULL ? array_size(shape) : 0;
    return gpu_reserve(*gpu, *bytes);
}

CUresult cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    struct gpu *gpu;
    uint64_t bytes;
    if (!reserve(shape, &gpu, &bytes))
        return refuse_in_current_context();
    return keep_array(DRIVER(cuArray3DCreate_v2)(array, shape), array, gpu, bytes);
}

/* A shape of any of the four kinds as one of the largest kind. */
#define FULL(shape, depth, flags)                                                                                      \
    &(CUDA_ARRAY3D_DESCRIPTOR){(shape)->Width, (shape)->Height, depth, (shape)->Format, (shape)->NumChannels, flags}

CUresult cuArray3DCreate(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR_v1 *shape) {
    struct gpu *gpu;
    uint64_t bytes;
    if (!reserve(shape != NULL ? FULL(shape, shape->Depth, shape->Flags) : NULL, &gpu, &bytes))
        return refuse_in_current_context();
    return keep_array(DRIVER(cuArray3DCreate)(array, shape), array, gpu, bytes);
}

CUresult cuArrayCreate_v2(CUarray *array, const CUDA_ARRAY_DESCRIPTOR *shape) {
    struct gpu *gpu;
    uint64_t bytes;
    if (!reserve(shape != NULL ? FULL(shape, 0, 0) : NULL, &gpu, &bytes))
        return refuse_in_current_context();
    return keep_array(DRIVER(cuArrayCreate_v2)(array, shape), array, gpu, bytes);
}

CUresult cuArrayCreate(CUarray *array, const CUDA_ARRAY_DESCRIPTOR_v1 *shape) {
    struct gpu *gpu;
    uint64_t bytes;
    if (!reserve(shape != NULL ? FULL(shape, 0, 0) : NULL, &gpu, &bytes))
        return refuse_in_current_context();
    return keep_array(DRIVER(cuArrayCreate)(array, shape), array, gpu, bytes);
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray *array, const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned int levels) {
    struct gpu *gpu = shape != NULL ? gpu_of_current_context() : NULL;
    uint64_t bytes = gpu != NULL ? mipmapped_array_size(shape, levels) : 0;
    if (!gpu_reserve(gpu, bytes))
        return refuse_in_current_context();
    CUresult result = DRIVER(cuMipmappedArrayCreate)(array, shape, levels);
    if (keep(result, result == CUDA_SUCCESS ? (uint64_t)*array : 0, gpu, bytes))
        return result;
    DRIVER(cuMipmappedArrayDestroy)(*array);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuArrayDestroy(CUarray array) {
    struct allocations *table;
    struct allocation allocation = context_handles_freeing((uint64_t)array, &table);
    struct reference *mapped = physical_take_all(space_of_array((uint64_t)array));
    CUresult result = physical_taken(mapped, DRIVER(cuArrayDestroy)(array));
    return context_handles_freed(allocation, table, result);
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray array) {
    struct allocations *table;
    struct allocation allocation = context_handles_freeing((uint64_t)array, &table);
    struct reference *mapped = physical_take_all(space_of_array((uint64_t)array));
    CUresult result = physical_taken(mapped, DRIVER(cuMipmappedArrayDestroy)(array));
    return context_handles_freed(allocation, table, result);
}
