/* Memory that the driver keeps for many allocations at once, beyond their ends: a pool's, or that of a GPU's graphs.
 *
 * It counts as the driver has it reserved, used or not: only so does a share never have more than its limit. */
#ifndef HAMI_CORE_BACKING_H
#define HAMI_CORE_BACKING_H

#include "core/gpu.h"

/* How the driver is asked about one kind of backing, by what names it: a pool's handle, a device. Two questions return
 * false where the driver does not say: how many bytes of the GPU's memory are reserved, and how many of them are in
 * use, for allocations come from the rest first. */
struct backing_kind {
    bool (*reserved)(uint64_t name, uint64_t *bytes);
    bool (*used)(uint64_t name, uint64_t *bytes); /* NULL: it is neither retired nor ever begun */
    void (*trim)(uint64_t name); /* gives the GPU what is not in use; NULL: only its owner's calls change it */
    void (*end)(uint64_t name);  /* NULL: it is never retired */
    bool managed;                /* memory that moves between host and device */
};

/* One backing on a limited GPU. They are never freed: another thread may be looking at one that ends. */
struct backing;

/* The backing of that name, new if need be. NULL without memory. */
struct backing *backing_of(const struct backing_kind *kind, uint64_t name, struct gpu *gpu);

/* NULL if there is none of that name. */
struct backing *backing_find(const struct backing_kind *kind, uint64_t name);

/* Around a call of the driver that may reserve more. Before it as much is taken of the share as `bytes` exceed what is
 * reserved and not used; false if that does not fit. After it what the driver reserved is counted exactly; false if
 * that does not fit: then the caller takes the call back and trims. */
bool backing_begin(struct backing *backing, uint64_t bytes, uint64_t *taken);
bool backing_end(struct backing *backing, uint64_t taken);

/* Has the driver give up what is not in use. */
void backing_trim(struct backing *backing);

/* After a call of the driver that may have given up what was reserved: of this backing, or of any that is trimmed. */
void backing_settle(struct backing *backing);
void backings_settle(void);

/* Before an allocation is refused: whether backings could give up something, or held more than the driver has. */
bool backings_reclaim(struct gpu *gpu);

/* Bytes of its GPU that it holds, and those that all hold of one that are managed. */
uint64_t backing_held(const struct backing *backing);
uint64_t backings_managed(const struct gpu *gpu);

/* Ends a backing as soon as nothing of it is in use. Its name means nothing to the program from now on, though it does
 * to the driver until then. */
void backing_retire(struct backing *backing);
bool backing_is_retired(const struct backing_kind *kind, uint64_t name);

/* In a forked child: nothing is the child's. */
void backings_forget(void);

#endif
