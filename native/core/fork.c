/*
 * What a forked child must forget of its parent.
 *
 * It has the parent's memory but of its threads only the one that forked: so locks are opened by force. It has the
 * parent's descriptors too: closed, for otherwise the parent's slots would stay locked when the parent dies.
 */
#include "core/fork.h"

#include "core/backing.h"
#include "core/context_handles.h"
#include "core/graphs.h"
#include "core/inventory.h"
#include "core/memory.h"
#include "core/namespaces.h"
#include "core/own_use.h"
#include "core/physical.h"
#include "core/stream_order.h"

/* What pthread_atfork calls. That itself is in libpthread on older C libraries, which we do without. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso_handle);
extern void *__dso_handle;

static void forget(void) {
    inventory_forget();
    allocations_forget(&addresses);
    physical_forget();
    stream_order_forget();
    backings_forget();
    context_handles_forget();
    graphs_forget();
    own_use_forget();
    namespaces_forget();
}

void forget_in_forked_children(void) {
    /* It fails only for want of memory. Then parent and child account in one slot, and never have more than the limit.
     */
    (void)__register_atfork(NULL, NULL, forget, &__dso_handle);
}
