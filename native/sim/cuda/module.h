/* Modules: kernels, and the device memory that they take. */
#ifndef HAMI_SIM_MODULE_H
#define HAMI_SIM_MODULE_H

#include "sim/cuda/context.h"
#include "sim/cuda/function.h"

#include <stdatomic.h>

struct CUmod_st {
    uint32_t mark;
    struct context_part code;
    CUcontext context;        /* in which functions are looked up; of a library, that which used it first */
    CUlibrary library;        /* NULL: it is a module of its own */
    _Atomic uint64_t put_off; /* bytes of code that are loaded when they are first used */
    struct functions functions;
};

/* Loads an image into one that is all zeros, of which the functions say that they are of `of_functions`. Its memory is
 * taken in a context; for NULL it is put off. */
CUresult module_begin(CUmodule module, CUcontext context, const char *image, CUmodule of_functions);
void module_end(CUmodule module);

/* Takes, in a context, the memory that was put off. */
CUresult module_load_rest(CUmodule module, CUcontext context);

#endif
