/*
 * Arrays that are mapped to memory of cuMemCreate, tile by tile or as a whole: cuMemMapArrayAsync.
 *
 * The tiles of a row have numbers one after the other, so that a row is a range: of the place of its first tile, the
 * level, the layer or depth, the height and the width are parts. The tail, which has bytes instead, is a level of its
 * own.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/inventory.h"
#include "core/physical.h"
#include "core/stream_order.h"

#define LEVEL_SHIFT 59
#define SLICE_SHIFT 40
#define ROW_SHIFT   20
#define TAIL        31 /* in place of a level; no array has so many */

/* The rows of tiles that a part of an array covers: those of each row of each slice, or bytes of the tail. */
struct rows {
    uint64_t level;
    uint64_t first_slice, end_slice;
    uint64_t first_row, end_row;
    uint64_t first, end;
};

static bool ask(const CUarrayMapInfo *part, CUDA_ARRAY_SPARSE_PROPERTIES *tiles) {
    CUresult result = part->resourceType == CU_RESOURCE_TYPE_ARRAY
                          ? DRIVER(cuArrayGetSparseProperties)(tiles, part->resource.array)
                          : DRIVER(cuMipmappedArrayGetSparseProperties)(tiles, part->resource.mipmap);
    return result == CUDA_SUCCESS;
}

static uint64_t quotient(uint64_t size, uint64_t tile) {
    return (size + tile - 1) / tile;
}

static struct rows rows_of_tail(const CUarrayMapInfo *part) {
    uint64_t layer = part->subresource.miptail.layer, offset = part->subresource.miptail.offset;
    return (struct rows){TAIL, layer, layer + 1, 0, 1, offset, offset + part->subresource.miptail.size};
}

/* Only arrays without layers are deep. */
static struct rows rows_of_level(const CUarrayMapInfo *part, const CUDA_ARRAY_SPARSE_PROPERTIES *tiles) {
    uint64_t x = part->subresource.sparseLevel.offsetX, width = part->subresource.sparseLevel.extentWidth;
    uint64_t y = part->subresource.sparseLevel.offsetY, height = part->subresource.sparseLevel.extentHeight;
    uint64_t z = part->subresource.sparseLevel.offsetZ, depth = part->subresource.sparseLevel.extentDepth;
    uint64_t layer = part->subresource.sparseLevel.layer;
    return (struct rows){
        .level = part->subresource.sparseLevel.level,
        .first_slice = layer + z / tiles->tileExtent.depth,
        .end_slice = layer + quotient(z + depth, tiles->tileExtent.depth),
        .first_row = y / tiles->tileExtent.height,
        .end_row = quotient(y + height, tiles->tileExtent.height),
        .first = x / tiles->tileExtent.width,
        .end = quotient(x + width, tiles->tileExtent.width),
    };
}

/* Puts what was taken out in front of the others. */
static void prepend(struct reference *taken, struct reference **to) {
    struct reference **last = &taken;
    while (*last != NULL)
        last = &(*last)->next;
    *last = *to;
    *to = taken;
}

static void note_range(const CUarrayMapInfo *part, uint64_t start, uint64_t end, struct reference **unmapped) {
    struct space space = space_of_array((uint64_t)part->resource.array);
    struct physical *memory = NULL;
    if (part->memOperationType == CU_MEM_OPERATION_TYPE_MAP)
        memory = physical_of_handle(part->memHandle.memHandle);
    prepend(physical_take(space, start, end), unmapped);
    if (memory != NULL)
        (void)physical_add(memory, space, start, end); /* without memory it counts as long as its handles */
}

/* An array that has no tiles is mapped as a whole. */
static void note(const CUarrayMapInfo *part, struct reference **unmapped) {
    CUDA_ARRAY_SPARSE_PROPERTIES tiles = {0};
    if (!ask(part, &tiles)) {
        note_range(part, 0, UINT64_MAX, unmapped);
        return;
    }
    bool is_tail = part->subresourceType == CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_MIPTAIL;
    struct rows rows = is_tail ? rows_of_tail(part) : rows_of_level(part, &tiles);
    for (uint64_t slice = rows.first_slice; slice < rows.end_slice; slice++)
        for (uint64_t row = rows.first_row; row < rows.end_row; row++) {
            uint64_t place = rows.level << LEVEL_SHIFT | slice << SLICE_SHIFT | row << ROW_SHIFT;
            note_range(part, place + rows.first, place + rows.end, unmapped);
        }
}

/* The array's own handle stays the same, and so do those of its memory as long as the program calls: what has changed
 * is noted afterwards. */
static CUresult map(CUarrayMapInfo *parts, unsigned int count, CUstream stream) {
    struct reference *unmapped = NULL;
    CUresult result = DRIVER(cuMemMapArrayAsync)(parts, count, stream);
    for (unsigned int i = 0; result == CUDA_SUCCESS && inventory_limits() && i < count; i++)
        note(&parts[i], &unmapped);
    stream_order_unmap(stream, unmapped);
    return result;
}

CUresult cuMemMapArrayAsync(CUarrayMapInfo *parts, unsigned int count, CUstream stream) {
    return map(parts, count, stream);
}

CUresult cuMemMapArrayAsync_ptsz(CUarrayMapInfo *parts, unsigned int count, CUstream stream) {
    return map(parts, count, or_own(stream));
}
