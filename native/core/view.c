/* What a program is shown of a GPU's memory: its shares instead of the whole. */
#include "core/view.h"

static uint64_t lesser(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

struct view view_of(struct gpu *gpu, uint64_t real_total) {
    (void)gpu_count_contexts(gpu);
    struct share_memory memory = gpu_look(gpu);
    uint64_t total = lesser(memory.limit, real_total);
    return (struct view){.total = total, .used = lesser(memory.used, total)};
}
