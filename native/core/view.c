/* What a program is shown of a GPU's memory: its shares instead of the whole. */
#include "core/view.h"

#include "core/stream_order.h"

static uint64_t lesser(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/* The driver has less free than the shares where it limits this container by itself and counts more, or others have
 * taken what is missing. */
struct view view_of(struct gpu *gpu, uint64_t real_free, uint64_t real_total) {
    (void)gpu_count_contexts(gpu);
    (void)stream_order_collect();
    struct share_memory memory = gpu_look(gpu);
    uint64_t total = lesser(memory.limit, real_total);
    uint64_t used = lesser(memory.used, total);
    return (struct view){.total = total, .used = used, .free = lesser(total - used, real_free)};
}
