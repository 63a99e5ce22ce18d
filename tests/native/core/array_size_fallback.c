/* Prints the sizes of some arrays as they are computed where the driver does not tell them. */
#include "core/array_size.h"

#include "core/driver.h"

#include <stdio.h>

static CUresult unknown(void) {
    return CUDA_ERROR_NOT_FOUND;
}

void *driver_function(enum function function) {
    (void)function;
    return (void *)unknown;
}

int main(void) {
    CUDA_ARRAY3D_DESCRIPTOR row = {1000, 0, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    CUDA_ARRAY3D_DESCRIPTOR cube = {20, 40, 50, CU_AD_FORMAT_HALF, 2, 0};
    CUDA_ARRAY3D_DESCRIPTOR planar = {2, 1, 1, (CUarray_format)0xb0, 3, 0};
    CUDA_ARRAY3D_DESCRIPTOR square = {32, 32, 0, CU_AD_FORMAT_UNSIGNED_INT8, 1, 0};
    CUDA_ARRAY3D_DESCRIPTOR vast = {SIZE_MAX / 2, 3, 1, CU_AD_FORMAT_UNSIGNED_INT8, 1, 0};
    printf("%llu %llu %llu %llu %d\n", (unsigned long long)array_size(&row), (unsigned long long)array_size(&cube),
           (unsigned long long)array_size(&planar), (unsigned long long)mipmapped_array_size(&square, 6),
           array_size(&vast) == UINT64_MAX && mipmapped_array_size(&vast, 2) == UINT64_MAX);
    return 0;
}
