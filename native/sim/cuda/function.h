/* Functions: the kernels of modules and libraries. */
#ifndef HAMI_SIM_FUNCTION_H
#define HAMI_SIM_FUNCTION_H

#include "sim/cuda/ptx.h"

#include "abi/cuda.h"

#define FUNCTION_ATTRIBUTES    10   /* of enum CUfunction_attribute, the first ones */
#define FUNCTION_MAX_ARGUMENTS 4096 /* bytes of all that one gets */

/* A kernel. A CUkernel is the same object: it runs in any context. */
struct CUfunc_st {
    uint32_t mark;
    CUmodule module; /* NULL: it is of a library */
    char *name;
    struct ptx_kernel kernel;
    int attributes[FUNCTION_ATTRIBUTES];
    unsigned block[3]; /* for cuLaunch and its like, with what follows */
    uint32_t arguments_size;
    unsigned char arguments[FUNCTION_MAX_ARGUMENTS];
};

/* All that an image has. */
struct functions {
    size_t count;
    struct CUfunc_st *all;
};

CUresult functions_load(struct functions *functions, const char *image, CUmodule module);
void functions_unload(struct functions *functions);
CUresult functions_find(const struct functions *functions, const char *name, CUfunction *function);

/* Whether a handle is a function's. */
bool function_is(CUfunction function);

#endif
