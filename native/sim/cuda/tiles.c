/* The tiles of an array whose memory the program maps itself, shaped as the standard blocks of 64 KiB that graphics
 * interfaces have: powers of two, as square as they can be. */
#include "sim/cuda/tiles.h"

#include "sim/cuda/array_size.h"
#include "sim/cuda/late.h"
#include "sim/cuda/physical.h"

#include <stdlib.h>

struct box {
    size_t width;
    size_t height;
    size_t depth;
};

/* Tiles of a level that a part covers: their places by x, y and z, and where in the layer the level begins. */
struct region {
    size_t start;
    struct box level; /* in tiles */
    struct box first;
    struct box end;
};

static bool is_sparse(const struct tiles *tiles) {
    return (tiles->shape.Flags & CUDA_ARRAY3D_SPARSE) != 0;
}

static bool has_layers(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    return (shape->Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) != 0;
}

static size_t layers_of(const CUDA_ARRAY3D_DESCRIPTOR *shape) {
    return has_layers(shape) && shape->Depth != 0 ? shape->Depth : 1;
}

static size_t quotient(size_t size, size_t tile) {
    return (size + tile - 1) / tile;
}

/* In elements, of one layer. */
static struct box level_box(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned level) {
    CUDA_ARRAY3D_DESCRIPTOR smaller = array_level(shape, level);
    bool flat = has_layers(shape) || smaller.Depth == 0;
    return (struct box){smaller.Width, smaller.Height, flat ? 1 : smaller.Depth};
}

static struct box in_tiles(const struct tiles *tiles, struct box box) {
    const CUDA_ARRAY_SPARSE_PROPERTIES *is = &tiles->properties;
    return (struct box){quotient(box.width, is->tileExtent.width), quotient(box.height, is->tileExtent.height),
                        quotient(box.depth, is->tileExtent.depth)};
}

static size_t volume(struct box box) {
    return box.width * box.height * box.depth;
}

static void set_extent(CUDA_ARRAY_SPARSE_PROPERTIES *properties, bool flat, size_t element) {
    unsigned bits = 16; /* of the elements of 64 KiB */
    for (size_t bytes = element; bytes > 1; bytes /= 2)
        bits--;
    properties->tileExtent.width = 1u << (flat ? (bits + 1) / 2 : (bits + 2) / 3);
    properties->tileExtent.height = 1u << (flat ? bits / 2 : (bits + 1) / 3);
    properties->tileExtent.depth = 1u << (flat ? 0 : bits / 3);
}

/* Of a level that is smaller than a tile in some direction, and all that follow. */
static bool is_tail(const struct tiles *tiles, unsigned level) {
    struct box box = level_box(&tiles->shape, level);
    return box.width < tiles->properties.tileExtent.width || box.height < tiles->properties.tileExtent.height ||
           box.depth < tiles->properties.tileExtent.depth;
}

static void lay_out(struct tiles *tiles, unsigned levels) {
    unsigned level = 0;
    set_extent(&tiles->properties, level_box(&tiles->shape, 0).depth == 1, array_element(&tiles->shape));
    for (; level < levels && !is_tail(tiles, level); level++)
        tiles->layer += volume(in_tiles(tiles, level_box(&tiles->shape, level)));
    tiles->properties.miptailFirstLevel = level;
    size_t tail = 0;
    for (; level < levels; level++)
        tail += volume(level_box(&tiles->shape, level)) * array_element(&tiles->shape);
    tiles->properties.miptailSize = quotient(tail, TILE) * TILE;
    tiles->layer += quotient(tail, TILE);
    tiles->count = tiles->layer * layers_of(&tiles->shape);
}

struct tiles *tiles_new(const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned levels, uint64_t size) {
    bool sparse = (shape->Flags & CUDA_ARRAY3D_SPARSE) != 0;
    struct tiles *tiles = sparse && shape->Height == 0 ? NULL : calloc(1, sizeof(*tiles));
    if (tiles == NULL)
        return NULL;
    *tiles = (struct tiles){.shape = *shape, .tile = sparse ? TILE : size, .count = 1};
    if (sparse)
        lay_out(tiles, levels);
    tiles->physical = calloc(tiles->count, sizeof(*tiles->physical));
    if (tiles->physical != NULL)
        return tiles;
    free(tiles);
    return NULL;
}

/* A tile names memory by one more than its index; 0 is none. */
static void let_go(unsigned tile) {
    if (tile == 0)
        return;
    physical_at(tile - 1)->mappings--;
    physical_collect(tile - 1);
}

static void let_go_late(void *tile) {
    physical_lock();
    let_go((unsigned)(uintptr_t)tile);
    physical_unlock();
}

static void set(unsigned *tile, int64_t physical, struct timeline *timeline) {
    if (*tile != 0 && late_give(timeline, let_go_late, (void *)(uintptr_t)*tile) != CUDA_SUCCESS)
        let_go(*tile);
    if (physical >= 0)
        physical_at((unsigned)physical)->mappings++;
    *tile = (unsigned)(physical + 1);
}

void tiles_free(struct tiles *tiles) {
    if (tiles == NULL)
        return;
    physical_lock();
    for (size_t i = 0; i < tiles->count; i++)
        let_go(tiles->physical[i]);
    physical_unlock();
    free(tiles->physical);
    free(tiles);
}

/* Whole tiles, but for the last one of a level. */
static bool is_whole(size_t offset, size_t extent, size_t tile, size_t size) {
    return extent != 0 && offset % tile == 0 && offset <= size && extent <= size - offset &&
           (extent % tile == 0 || offset + extent == size);
}

static bool has_level(const struct tiles *tiles, const CUarrayMapInfo *part) {
    const CUDA_ARRAY_SPARSE_PROPERTIES *is = &tiles->properties;
    unsigned level = part->subresource.sparseLevel.level;
    struct box box = level_box(&tiles->shape, level);
    return level < is->miptailFirstLevel && part->subresource.sparseLevel.layer < layers_of(&tiles->shape) &&
           is_whole(part->subresource.sparseLevel.offsetX, part->subresource.sparseLevel.extentWidth,
                    is->tileExtent.width, box.width) &&
           is_whole(part->subresource.sparseLevel.offsetY, part->subresource.sparseLevel.extentHeight,
                    is->tileExtent.height, box.height) &&
           is_whole(part->subresource.sparseLevel.offsetZ, part->subresource.sparseLevel.extentDepth,
                    is->tileExtent.depth, box.depth);
}

bool tiles_have(const struct tiles *tiles, const CUarrayMapInfo *part) {
    if (!is_sparse(tiles))
        return true;
    if (part->subresourceType == CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_SPARSE_LEVEL)
        return has_level(tiles, part);
    return part->subresource.miptail.layer < layers_of(&tiles->shape) &&
           is_whole(part->subresource.miptail.offset, part->subresource.miptail.size, TILE,
                    tiles->properties.miptailSize);
}

static struct region tail_region(const struct tiles *tiles, const CUarrayMapInfo *part) {
    size_t tail = tiles->properties.miptailSize / TILE;
    size_t first = part->subresource.miptail.offset / TILE;
    return (struct region){
        .start = (part->subresource.miptail.layer + 1) * tiles->layer - tail,
        .level = {tail, 1, 1},
        .first = {first, 0, 0},
        .end = {first + part->subresource.miptail.size / TILE, 1, 1},
    };
}

static struct region level_region(const struct tiles *tiles, const CUarrayMapInfo *part) {
    struct box first = {part->subresource.sparseLevel.offsetX, part->subresource.sparseLevel.offsetY,
                        part->subresource.sparseLevel.offsetZ};
    struct box end = {first.width + part->subresource.sparseLevel.extentWidth,
                      first.height + part->subresource.sparseLevel.extentHeight,
                      first.depth + part->subresource.sparseLevel.extentDepth};
    unsigned level = part->subresource.sparseLevel.level;
    size_t start = part->subresource.sparseLevel.layer * tiles->layer;
    for (unsigned larger = 0; larger < level; larger++)
        start += volume(in_tiles(tiles, level_box(&tiles->shape, larger)));
    struct box all = in_tiles(tiles, level_box(&tiles->shape, level));
    return (struct region){start, all, in_tiles(tiles, first), in_tiles(tiles, end)};
}

static struct region region_of(const struct tiles *tiles, const CUarrayMapInfo *part) {
    if (!is_sparse(tiles))
        return (struct region){.level = {1, 1, 1}, .end = {1, 1, 1}};
    bool tail = part->subresourceType == CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_MIPTAIL;
    return tail ? tail_region(tiles, part) : level_region(tiles, part);
}

uint64_t tiles_size(const struct tiles *tiles, const CUarrayMapInfo *part) {
    struct region region = region_of(tiles, part);
    struct box extent = {region.end.width - region.first.width, region.end.height - region.first.height,
                         region.end.depth - region.first.depth};
    return volume(extent) * tiles->tile;
}

void tiles_map(struct tiles *tiles, const CUarrayMapInfo *part, int64_t physical, struct timeline *timeline) {
    struct region region = region_of(tiles, part);
    for (size_t z = region.first.depth; z < region.end.depth; z++)
        for (size_t y = region.first.height; y < region.end.height; y++)
            for (size_t x = region.first.width; x < region.end.width; x++)
                set(&tiles->physical[region.start + (z * region.level.height + y) * region.level.width + x], physical,
                    timeline);
}
