/* Device memory that loaded code takes: as much as its image is large. */
#ifndef HAMI_SIM_CODE_H
#define HAMI_SIM_CODE_H

#include "sim/cuda/context.h"

/* Takes memory for an image in a context; in none for NULL. */
CUresult code_load(struct context_part *code, CUcontext context, const char *image);

/* Reads an image from a file, for the caller to free. */
CUresult code_read(const char *path, char **image);

#endif
