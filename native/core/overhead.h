/* Memory that the driver takes for itself in this process: contexts, code, stacks, heaps, and what it rounds up. */
#ifndef HAMI_CORE_OVERHEAD_H
#define HAMI_CORE_OVERHEAD_H

#include "core/gpu.h"

/* Before the first allocation on a GPU, and the first look at its memory: counts contexts that came to be without our
 * seeing it. False if they do not fit. */
bool overhead_begin(struct gpu *gpu);

/* After a call of the driver with which it may have grown. False if that does not fit: then the caller takes the call
 * back and settles. A GPU that is not limited is NULL here and in the next function. */
bool overhead_fits(struct gpu *gpu);

/* After one with which it may have grown by what cannot be taken back, such as code that was loaded late: it is counted
 * soon: with an allocation, with a look at the memory, or when the program has waited for something. */
void overhead_is_stale(struct gpu *gpu);
void overheads_refresh(void);

/* After one with which this process has memory that another has made. As soon as that one lets go of it the driver
 * counts it for one of those that still have it, so this is asked again and again, for good. */
void overheads_inherit(void);

/* After one with which it may have shrunk. */
void overhead_settle(struct gpu *gpu);

/* After the end of a context or of memory that another process has made, on whatever GPU. */
void overheads_settle(void);

#endif
