/* Arrays, plain and mipmapped. They have a size and no contents: what would read or write them is not simulated. */
#include "sim/cuda/array.h"

#include "sim/cuda/array_size.h"
#include "sim/cuda/context.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <pthread.h>
#include <stdlib.h>

#define MARK        0x41525259u /* what a live array's first word holds */
#define MIPMAP_MARK 0x4d495059u
#define MAX_LEVELS  32

#define WITHOUT_MEMORY (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING) /* it is mapped later, if at all */

struct CUarray_st {
    uint32_t mark;
    CUcontext context;
    CUDA_ARRAY3D_DESCRIPTOR shape;
    uint64_t size;       /* bytes */
    uint64_t taken;      /* bytes of the device's memory */
    struct tiles *tiles; /* NULL: it has its memory by itself */
    CUarray next;
};

struct CUmipmappedArray_st {
    struct CUarray_st array; /* all its levels together */
    unsigned levels;
    struct CUarray_st level[MAX_LEVELS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static CUarray arrays; /* mipmapped ones too */

/* Starts an array in `array`, which it frees if it fails. */
static CUresult start(CUarray array, uint32_t mark, const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned levels,
                      uint64_t size) {
    CUcontext context;
    CUresult result = context_current(&context);
    bool mapped = (shape->Flags & WITHOUT_MEMORY) != 0;
    struct tiles *tiles = mapped ? tiles_new(shape, levels, size) : NULL;
    if (mapped && tiles == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    uint64_t taken = mapped ? 0 : size;
    if (result == CUDA_SUCCESS)
        result = process_take_memory(context->device, taken);
    if (result != CUDA_SUCCESS) {
        tiles_free(tiles);
        free(array);
        return result;
    }
    pthread_mutex_lock(&lock);
    *array = (struct CUarray_st){mark, context, *shape, size, taken, tiles, arrays};
    arrays = array;
    pthread_mutex_unlock(&lock);
    return CUDA_SUCCESS;
}

static CUresult check(const void *result, const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned levels, uint64_t *size) {
    CUcontext context;
    CUresult usable = context_current(&context);
    if (usable != CUDA_SUCCESS)
        return usable;
    return result != NULL && array_size(shape, levels, size) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    uint64_t size;
    CUresult result = shape == NULL ? CUDA_ERROR_INVALID_VALUE : check(array, shape, 1, &size);
    if (result != CUDA_SUCCESS)
        return result;
    CUarray created = calloc(1, sizeof(*created));
    if (created == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    result = start(created, MARK, shape, 1, size);
    if (result == CUDA_SUCCESS)
        *array = created;
    return result;
}

CUresult cuArrayCreate_v2(CUarray *array, const CUDA_ARRAY_DESCRIPTOR *shape) {
    if (shape == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUDA_ARRAY3D_DESCRIPTOR full = {shape->Width, shape->Height, 0, shape->Format, shape->NumChannels, 0};
    return cuArray3DCreate_v2(array, &full);
}

CUresult cuArrayCreate(CUarray *array, const CUDA_ARRAY_DESCRIPTOR_v1 *shape) {
    if (shape == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUDA_ARRAY3D_DESCRIPTOR full = {shape->Width, shape->Height, 0, shape->Format, shape->NumChannels, 0};
    return cuArray3DCreate_v2(array, &full);
}

CUresult cuArray3DCreate(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR_v1 *shape) {
    if (shape == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUDA_ARRAY3D_DESCRIPTOR full = {shape->Width,  shape->Height,      shape->Depth,
                                    shape->Format, shape->NumChannels, shape->Flags};
    return cuArray3DCreate_v2(array, &full);
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray *mipmap, const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned int levels) {
    uint64_t size;
    bool fits = shape != NULL && levels <= MAX_LEVELS;
    CUresult result = fits ? check(mipmap, shape, levels, &size) : CUDA_ERROR_INVALID_VALUE;
    if (result != CUDA_SUCCESS)
        return result;
    CUmipmappedArray created = calloc(1, sizeof(*created));
    if (created == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    result = start(&created->array, MIPMAP_MARK, shape, levels, size);
    if (result != CUDA_SUCCESS)
        return result;
    created->levels = levels;
    for (unsigned i = 0; i < levels; i++)
        created->level[i] = (struct CUarray_st){.mark = MARK, .shape = array_level(shape, i)};
    *mipmap = created;
    return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayGetLevel(CUarray *array, CUmipmappedArray mipmap, unsigned int level) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (mipmap == NULL || mipmap->array.mark != MIPMAP_MARK)
        return CUDA_ERROR_INVALID_HANDLE;
    if (array == NULL || level >= mipmap->levels)
        return CUDA_ERROR_INVALID_VALUE;
    *array = &mipmap->level[level];
    return CUDA_SUCCESS;
}

CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR *shape, CUarray array) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (array == NULL || array->mark != MARK)
        return CUDA_ERROR_INVALID_HANDLE;
    if (shape == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *shape = array->shape;
    return CUDA_SUCCESS;
}

struct tiles *array_tiles(CUarray array) {
    return array != NULL && array->mark == MARK ? array->tiles : NULL;
}

struct tiles *mipmapped_array_tiles(CUmipmappedArray mipmap) {
    return mipmap != NULL && mipmap->array.mark == MIPMAP_MARK ? mipmap->array.tiles : NULL;
}

/* Only of arrays whose memory the program maps itself. */
static CUresult get_requirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, const struct CUarray_st *array,
                                 uint32_t mark, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    if (array == NULL || array->mark != mark)
        return CUDA_ERROR_INVALID_HANDLE;
    if (requirements == NULL || (array->shape.Flags & CUDA_ARRAY3D_DEFERRED_MAPPING) == 0)
        return CUDA_ERROR_INVALID_VALUE;
    *requirements = (CUDA_ARRAY_MEMORY_REQUIREMENTS){.size = array->size, .alignment = SIM_UNIT};
    return CUDA_SUCCESS;
}

CUresult cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, CUarray array, CUdevice device) {
    return get_requirements(requirements, array, MARK, device);
}

CUresult cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, CUmipmappedArray mipmap,
                                               CUdevice device) {
    return get_requirements(requirements, (CUarray)mipmap, MIPMAP_MARK, device);
}

/* With the lock held. `link` is what points to it. */
static void destroy(CUarray *link) {
    CUarray array = *link;
    *link = array->next;
    process_give_memory(array->context->device, array->taken);
    tiles_free(array->tiles);
    array->mark = 0;
    free(array);
}

static CUresult destroy_one(CUarray array, uint32_t mark) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&lock);
    CUarray *link = &arrays;
    while (*link != NULL && *link != array)
        link = &(*link)->next;
    bool found = *link != NULL && array->mark == mark;
    if (found)
        destroy(link);
    pthread_mutex_unlock(&lock);
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuArrayDestroy(CUarray array) {
    return destroy_one(array, MARK);
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray mipmap) {
    return destroy_one((CUarray)mipmap, MIPMAP_MARK);
}

void arrays_destroy_all_of(CUcontext context) {
    pthread_mutex_lock(&lock);
    for (CUarray *link = &arrays; *link != NULL;)
        if ((*link)->context == context)
            destroy(link);
        else
            link = &(*link)->next;
    pthread_mutex_unlock(&lock);
}
