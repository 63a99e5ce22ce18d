/* How much memory an array takes: rows one after the other, each padded; a real one is made of tiles. */
#include "sim/cuda/array_size.h"

#include "sim/common/ledger.h"

/* Bytes of one channel; 0 for a format that is not simulated. */
static unsigned channel_size(CUarray_format format) {
    switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8:
        return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF:
        return 2;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT:
        return 4;
    default:
        return 0;
    }
}

unsigned array_element(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    return channel_size(shape->Format) * shape->NumChannels;
}

static size_t at_least_one(size_t size) {
    return size == 0 ? 1 : size;
}

static size_t halve(size_t size, unsigned times) {
    return size == 0 ? 0 : at_least_one(times < 64 ? size >> times : 0);
}

CUDA_ARRAY3D_DESCRIPTOR array_level(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned level) {
    CUDA_ARRAY3D_DESCRIPTOR smaller = *shape;
    smaller.Width = halve(shape->Width, level);
    smaller.Height = halve(shape->Height, level);
    if ((shape->Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) == 0)
        smaller.Depth = halve(shape->Depth, level);
    return smaller;
}

static bool level_size(const CUDA_ARRAY3D_DESCRIPTOR *shape, uint64_t *bytes) {
    uint64_t element = array_element(shape);
    uint64_t row, padded;
    if (__builtin_mul_overflow(shape->Width, element, &row) || __builtin_add_overflow(row, ARRAY_ROW - 1, &padded))
        return false;
    padded = padded / ARRAY_ROW * ARRAY_ROW;
    return !__builtin_mul_overflow(padded, at_least_one(shape->Height), bytes) &&
           !__builtin_mul_overflow(*bytes, at_least_one(shape->Depth), bytes) && *bytes < UINT64_MAX / 4;
}

bool array_size(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned levels, uint64_t *bytes) {
    unsigned channels = shape->NumChannels;
    if (shape->Width == 0 || channel_size(shape->Format) == 0 || (channels != 1 && channels != 2 && channels != 4))
        return false;
    uint64_t sum = 0;
    for (unsigned i = 0; i < levels; i++) {
        CUDA_ARRAY3D_DESCRIPTOR level = array_level(shape, i);
        uint64_t part;
        if (!level_size(&level, &part))
            return false;
        sum += part;
    }
    *bytes = ledger_round(sum);
    return levels > 0;
}
