/*
 * How much memory an array takes, which has to be known before it is made.
 *
 * Its layout is the driver's own. The driver tells the size of arrays that get their memory later (from CUDA 11.6 on),
 * and so we make such a one of the same shape, which takes nothing. Where that cannot be had, the elements are counted.
 */
#include "core/array_size.h"

#include "core/driver.h"

#include <stdbool.h>

#define LARGEST_ELEMENT 16 /* bytes: four channels of 32 bits */

static CUDA_ARRAY3D_DESCRIPTOR without_memory(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    CUDA_ARRAY3D_DESCRIPTOR twin = *shape;
    twin.Flags |= CUDA_ARRAY3D_DEFERRED_MAPPING;
    return twin;
}

/* 0 if the driver does not say. */
static uint64_t ask_about_array(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    CUDA_ARRAY3D_DESCRIPTOR twin = without_memory(shape);
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs = {0};
    CUdevice device;
    CUarray array;
    if (DRIVER(cuCtxGetDevice)(&device) != CUDA_SUCCESS || DRIVER(cuArray3DCreate_v2)(&array, &twin) != CUDA_SUCCESS)
        return 0;
    CUresult result = DRIVER(cuArrayGetMemoryRequirements)(&needs, array, device);
    DRIVER(cuArrayDestroy)(array);
    return result == CUDA_SUCCESS ? needs.size : 0;
}

static uint64_t ask_about_mipmapped_array(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned int levels) {
    CUDA_ARRAY3D_DESCRIPTOR twin = without_memory(shape);
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs = {0};
    CUdevice device;
    CUmipmappedArray array;
    if (DRIVER(cuCtxGetDevice)(&device) != CUDA_SUCCESS ||
        DRIVER(cuMipmappedArrayCreate)(&array, &twin, levels) != CUDA_SUCCESS)
        return 0;
    CUresult result = DRIVER(cuMipmappedArrayGetMemoryRequirements)(&needs, array, device);
    DRIVER(cuMipmappedArrayDestroy)(array);
    return result == CUDA_SUCCESS ? needs.size : 0;
}

/* Of the formats that are not made of channels of one size, none has larger elements than the largest of those. */
static uint64_t element_size(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    switch (shape->Format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8:
        return shape->NumChannels;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF:
        return 2 * (uint64_t)shape->NumChannels;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT:
        return 4 * (uint64_t)shape->NumChannels;
    default:
        return LARGEST_ELEMENT;
    }
}

static uint64_t count_elements(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    uint64_t height = shape->Height != 0 ? shape->Height : 1, depth = shape->Depth != 0 ? shape->Depth : 1;
    uint64_t bytes;
    bool fits = !__builtin_mul_overflow(shape->Width, element_size(shape), &bytes) &&
                !__builtin_mul_overflow(bytes, height, &bytes) && !__builtin_mul_overflow(bytes, depth, &bytes);
    return fits ? bytes : UINT64_MAX;
}

uint64_t array_size(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    if (shape->Flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING))
        return 0; /* it is mapped to memory of cuMemCreate */
    uint64_t bytes = ask_about_array(shape);
    return bytes != 0 ? bytes : count_elements(shape);
}

/* The levels below the first take at most as much as it does: where only one side is longer than 1, half of half … */
uint64_t mipmapped_array_size(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned int levels) {
    if (shape->Flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING))
        return 0;
    uint64_t bytes = ask_about_mipmapped_array(shape, levels);
    if (bytes != 0)
        return bytes;
    bytes = count_elements(shape);
    return levels <= 1 || bytes > UINT64_MAX / 2 ? bytes : 2 * bytes;
}
