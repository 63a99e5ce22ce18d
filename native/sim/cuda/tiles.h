/* The tiles of an array whose memory the program maps itself: which physical allocation each has. */
#ifndef HAMI_SIM_TILES_H
#define HAMI_SIM_TILES_H

#include "sim/cuda/timeline.h"

#include <stdbool.h>

#define TILE ((uint64_t)64 << 10) /* bytes */

/* Layer by layer, in each level by level, then the tail, whose levels are smaller than a tile. An array whose mapping
 * is deferred is mapped as a whole, as if it were one tile. */
struct tiles {
    CUDA_ARRAY3D_DESCRIPTOR shape;
    CUDA_ARRAY_SPARSE_PROPERTIES properties; /* of a sparse array */
    uint64_t tile;                           /* bytes */
    size_t layer;                            /* tiles of one layer */
    size_t count;
    unsigned *physical; /* of each tile one more than its index; 0: none */
};

/* Tiles for an array of `size` bytes, none of them mapped. NULL if no such array can be, or without memory. */
struct tiles *tiles_new(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned levels, uint64_t size);

/* Unmaps what is mapped. NULL is an array that has none. */
void tiles_free(struct tiles *tiles);

/* Whether they have such a part. */
bool tiles_have(const struct tiles *tiles, const CUarrayMapInfo *part);

/* Bytes of memory that the part takes. */
uint64_t tiles_size(const struct tiles *tiles, const CUarrayMapInfo *part);

/* Gives the part the memory, or none for a negative index. What it had before is let go of in the order of the
 * timeline. With the lock of physical.h held. */
void tiles_map(struct tiles *tiles, const CUarrayMapInfo *part, int64_t physical, struct timeline *timeline);

#endif
