/* The end of a context, with which the driver frees what was allocated in it. */
#ifndef HAMI_CORE_CONTEXT_END_H
#define HAMI_CORE_CONTEXT_END_H

#include "core/hooks.h"

#include <stdbool.h>

/* Around each call of the driver with which one may end. The second gets the driver's answer, which it returns, and
 * whether the call means an end. It may have come to pass with an error too: that of an earlier launch, which the
 * driver tells whenever it is asked for something next. */
void context_end_begin(void);
CUresult context_end(CUresult result, bool ends);

#endif
