/* Device memory that loaded code takes: as much as its image is large.
 *
 * Images are PTX text. Device code and NVIDIA's containers of it begin with bytes that no text has: they are refused.
 */
#include "sim/cuda/code.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_binary(const char *image) {
    static const char firsts[][5] = {"\177ELF", "\x50\xed\x55\xba", "\xb1\x43\x62\x46"};
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
        if (strncmp(image, firsts[i], 4) == 0)
            return true;
    return false;
}

CUresult code_load(struct context_part *code, CUcontext context, const char *image) {
    if (is_binary(image))
        return CUDA_ERROR_NOT_SUPPORTED;
    if (strstr(image, ".version") == NULL)
        return CUDA_ERROR_INVALID_IMAGE;
    return context != NULL ? context_take_part(code, context, strlen(image)) : CUDA_SUCCESS;
}

CUresult code_read(const char *path, char **image) {
    size_t size = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return CUDA_ERROR_FILE_NOT_FOUND;
    *image = NULL;
    ssize_t length = getdelim(image, &size, '\0', file);
    fclose(file);
    if (length > 0)
        return CUDA_SUCCESS;
    free(*image);
    return CUDA_ERROR_INVALID_IMAGE;
}
