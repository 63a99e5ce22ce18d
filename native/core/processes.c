/* The processes of this container that use a GPU's shares, as the shares' regions name them. */
#include "core/processes.h"

#include "core/ledger.h"

#include <stdlib.h>

static struct process_use *use_of(const struct processes *found, uint32_t pid) {
    for (unsigned int i = 0; i < found->count; i++)
        if (found->uses[i].pid == pid)
            return &found->uses[i];
    return NULL;
}

static void add(struct processes *found, uint32_t pid, uint64_t bytes) {
    struct process_use *use = use_of(found, pid);
    if (use == NULL) {
        use = &found->uses[found->count++];
        *use = (struct process_use){.pid = pid};
    }
    use->bytes += bytes;
}

static void add_all(struct processes *found, const struct region *region) {
    for (uint32_t slot = 0; slot < HAMI_REGION_SLOTS; slot++) {
        const struct hami_slot *one = &region->map->slots[slot];
        uint32_t pid;
        if (__atomic_load_n(&one->pid, __ATOMIC_ACQUIRE) != 0 && region_owner(region, slot, &pid))
            add(found, pid, ledger_held(one));
    }
}

bool processes_find(const struct gpu *gpu, struct processes *found) {
    unsigned int shares = 0;
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        shares++;
    *found = (struct processes){.uses = calloc((size_t)shares * HAMI_REGION_SLOTS + 1, sizeof *found->uses)};
    if (found->uses == NULL)
        return false;
    for (struct share *share = gpu->shares; share != NULL; share = share->next) {
        lock_take(&share->lock);
        if (region_open(&share->region))
            add_all(found, &share->region);
        lock_release(&share->lock);
    }
    return true;
}

void processes_free(struct processes *found) {
    free(found->uses);
}

bool processes_contain(const struct processes *found, uint32_t pid) {
    return use_of(found, pid) != NULL;
}
