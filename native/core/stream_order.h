/* What was freed in the order of a stream counts until the stream has come to it. */
#ifndef HAMI_CORE_STREAM_ORDER_H
#define HAMI_CORE_STREAM_ORDER_H

#include "core/allocations.h"
#include "core/physical.h"

/* After a call of the driver that has put the end of an allocation, or of references, into a stream. Without memory for
 * the event that tells when that has come to pass, they count no longer. */
void stream_order_free(CUstream stream, struct allocation freed);
void stream_order_unmap(CUstream stream, struct reference *unmapped); /* NULL: nothing */

/* Gives back what streams have come to by now. False if that is nothing. */
bool stream_order_collect(void);

/* Around a call of the driver with which contexts may end, and their events with them. */
void stream_order_contexts_ending(void);
void stream_order_contexts_ended(void);

/* In a forked child: nothing is the child's. */
void stream_order_forget(void);

#endif
