/*
 * A region that a tenant has scribbled on, and processes of the share that died in it: whatever it says, libvgpu.so
 * takes it or leaves it, and gives one process no more than the limit.
 *
 * The input's first byte says how long the file is, the rest is laid over an empty region.
 */
#include "core/share.h"

#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LIMIT 1000
#define WORDS 512 /* of the first page */

static int write_region(const uint8_t *data, size_t size) {
    static const off_t lengths[] = {sizeof(struct hami_region), 0, 8, 24, 4096, sizeof(struct hami_region) - 1};
    static const struct hami_region empty = {
        .magic = HAMI_REGION_MAGIC, .abi = HAMI_REGION_ABI, .slot_count = HAMI_REGION_SLOTS};
    off_t length = lengths[size > 0 ? data[0] % (sizeof lengths / sizeof *lengths) : 0];
    int file = memfd_create("region", MFD_CLOEXEC);
    target_expect(file >= 0 && pwrite(file, &empty, offsetof(struct hami_region, limits_generation), 0) > 0);
    if (size > 0)
        target_overlay(file, data + 1, size - 1, WORDS, offsetof(struct hami_region, slots));
    target_expect(ftruncate(file, length) == 0);
    return file;
}

/* Takes what fits, after whatever the dead have left has been taken back, and gives it back. */
static void use(struct share *share) {
    uint64_t held = share_take(share, 1, LIMIT / 2);
    share_sweep(share);
    struct share_memory memory = share_look(share);
    target_expect(memory.limit == LIMIT);
    held += share_take(share, 1, UINT64_MAX);
    target_expect(held <= LIMIT);
    held -= share_give(share, LIMIT / 4);
    held += share_take(share, LIMIT / 8, LIMIT);
    target_expect(held <= LIMIT);
    target_expect(share_give(share, UINT64_MAX) == held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int file = write_region(data, size);
    char *path = malloc(64);
    target_expect(path != NULL);
    snprintf(path, 64, "/proc/self/fd/%d", file);
    struct share *share = share_new(NULL, path); /* without a limits file: that of the environment contract */
    target_expect(share != NULL);
    share->limits.memory = LIMIT;
    use(share);
    share_forget(share);
    free(share);
    free(path);
    close(file);
    return 0;
}
