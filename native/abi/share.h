/*
 * A share as plugin and libvgpu.so see it: a folder with a `limits` file and a `region` file.
 *
 * The plugin makes one folder per share and mounts it at the same path into every container that uses the share.
 * `limits` is read-only there and replaced atomically; `region` is writable and mapped by all processes of the share.
 * The Python side (hami_dra/shares) writes and reads the same bytes; a test compares the two layouts field by field.
 */
#ifndef HAMI_ABI_SHARE_H
#define HAMI_ABI_SHARE_H

#include <stddef.h>
#include <stdint.h>

#define HAMI_SHARES_DIR  "/run/hami-dra/shares"
#define HAMI_LIMITS_FILE "limits"
#define HAMI_REGION_FILE "region"

/*
 * Beside the folder of shares, for each GPU that has some, a folder with three empty files: `turn`, `next`, `urgent`.
 * All containers with a share of the GPU have it at the same path, read-only, and lock the files by flock(2):
 * core/turn.h.
 */
#define HAMI_TURNS_DIR                                                                                                 \
    "../turns" /* seen from the folder of shares; in there, a folder per UUID, without GPU- or MIG- */

/*
 * `limits` is text, one `key value` per line:
 *
 *   version 1
 *   gpu GPU-8f0f...      UUID of the GPU
 *   memory 4294967296    bytes
 *   cores 30             percent of the GPU's time, 1 to 100
 *   policy hard          how cores are held: hard, work-conserving (idle time may be used) or off
 *   priority low         whether the share's turns on the GPU go before those of others (high) or not (low)
 *
 * Each key stands exactly once; only `priority` may be missing, from an earlier plugin's file, and then is low. A
 * reader refuses a version that it does not know and ignores keys that it does not know, so that a newer plugin can
 * write for the libvgpu.so of a pod that is still running.
 */
#define HAMI_LIMITS_VERSION 1

/*
 * `containers` is a folder in which hami-dra-oci-hook, on the host, notes each container that uses the share: in a file
 * that is named by the container's id, written at once. Names that begin with a dot are of unfinished files.
 *
 *   version 1
 *   cgroup /sys/fs/cgroup/kubepods.slice/…   the container's directory, as the container runtime sees it
 *   pid 4711                                 its first process, in the runtime's PID namespace
 *   enforce driver                           or library: who is to hold it to this share
 */
#define HAMI_CONTAINERS_DIR    "containers"
#define HAMI_CONTAINER_VERSION 1

/* "HAMIVGPU" read as a little-endian integer. */
#define HAMI_REGION_MAGIC UINT64_C(0x55504756494d4148)
#define HAMI_REGION_ABI   1
#define HAMI_REGION_SLOTS 2048

/*
 * The ledger is the one number that decides whether an allocation fits: bytes in use by the whole share. `op` names the
 * last operation that changed it (slot in the upper 16 bits, that slot's sequence number in the lower 48). Both halves
 * change together, by one 16-byte compare-and-swap, so anyone can tell of any operation whether it happened.
 *
 * It can be changed at any time. An open-file-description lock on `used` only gives turns to those who take memory of
 * several shares in parts, and to those who are about to refuse: see core/gpu.c. One on `op` says that someone takes
 * back what the dead held: nobody refuses anything meanwhile.
 */
struct hami_ledger {
    _Alignas(16) uint64_t used;
    uint64_t op;
};

/*
 * One process's part of the region. Who holds the slot holds an open-file-description lock on the slot's bytes; the
 * kernel drops it when the process dies, and whoever gets it next finishes what the dead one had begun. And a record
 * lock on one byte past the region's end, HAMI_REGION_OWNER: of that the kernel tells the holder's PID, in the PID
 * namespace of whoever asks.
 *
 * An operation is
 *
 *   announce   delta, then seq = done + 1
 *   decide     compare-and-swap the ledger; before that, record its previous op as landed in that op's slot, unless it
 *              is settled there
 *   settle     used[seq & 1] = used[done & 1] + delta, then done = seq
 *
 * A process killed after `announce` leaves seq = done + 1. Its operation happened if the ledger's op names it or else
 * (read in this order) landed = seq; otherwise it did not. So the share's use stays exact whichever instruction was the
 * last. `landed` only grows: a slow helper must not write an older number over a newer one.
 */
struct hami_slot {
    _Alignas(64) uint64_t seq;
    uint64_t done;
    uint64_t landed;
    int64_t delta;
    uint64_t used[2]; /* bytes; the settled one is used[done & 1] */
    uint64_t reserved;
    uint32_t pid; /* in its owner's PID namespace; 0: nobody has claimed the slot since it was last cleared */
};

/* What the share's processes have had of the GPU's time: core/budget.h. Both numbers are changed by all of them. */
struct hami_compute {
    _Alignas(64) uint64_t paid_until; /* ns of CLOCK_MONOTONIC */
    uint64_t used;                    /* ns, since the region was made */
};

struct hami_region {
    uint64_t magic;
    uint32_t abi;
    uint32_t slot_count;
    uint64_t limits_generation; /* raised by the plugin after it has replaced `limits` */
    _Alignas(64) struct hami_ledger ledger;
    struct hami_compute compute; /* 0 in regions from before it was there */
    _Alignas(4096) struct hami_slot slots[HAMI_REGION_SLOTS];
};

#define HAMI_REGION_OWNER(slot) (sizeof(struct hami_region) + (slot)) /* the byte that the slot's owner has locked */

#endif
