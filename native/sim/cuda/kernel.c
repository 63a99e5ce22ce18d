/* Launches. They are not simulated, and say so rather than seem to work.
 *
 * These functions look at none of their arguments, so the table declares none.
 */
#include "sim/cuda/table.h"

#define NOT_SIMULATED(function)                                                                                        \
    CUresult function(void) {                                                                                          \
        return CUDA_ERROR_NOT_SUPPORTED;                                                                               \
    }

NOT_SIMULATED(cuLaunchKernel)
NOT_SIMULATED(cuLaunchKernel_ptsz)
NOT_SIMULATED(cuLaunchKernelEx)
NOT_SIMULATED(cuLaunchKernelEx_ptsz)
