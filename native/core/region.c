/* A share's region as this process sees it: the mapping, and the slot that it holds in there. */
#include "core/region.h"

#include "core/cold.h"
#include "core/ledger.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(struct region *region, const char *reason) {
    if (region->failure != reason)
        log_line(LOG_ERROR, "%s: %s; no memory is given from it", region->path, reason);
    region->failure = reason;
    return false;
}

/* What a region begins with. */
struct header {
    uint64_t magic;
    uint32_t abi;
    uint32_t slot_count;
};

_Static_assert(sizeof(struct header) == offsetof(struct hami_region, limits_generation), "as in share.h");

/* Who makes a longer file than it may is killed. */
static bool may_be_made(off_t size) {
    struct rlimit most;
    return getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur >= (rlim_t)size; /* RLIM_INFINITY is the greatest */
}

/* So would be whoever touches a page for which the file system has no room any more. */
static bool make_room(int file, off_t size) {
    off_t wanted = sizeof(struct hami_region);
    if (size < wanted && !may_be_made(wanted))
        return false;
    if (fallocate(file, 0, 0, wanted) == 0)
        return true;
    return errno == EOPNOTSUPP && (size >= wanted || ftruncate(file, wanted) == 0);
}

/* All who create a region write the same bytes, so it does not matter how many do, or which of them is killed. */
static bool create(int file) {
    static const struct header empty, header = {HAMI_REGION_MAGIC, HAMI_REGION_ABI, HAMI_REGION_SLOTS};
    struct header present = empty;
    struct stat status;
    if (pread(file, &present, sizeof present, 0) < 0 || fstat(file, &status) != 0)
        return false;
    if (memcmp(&present, &empty, sizeof empty) != 0)
        return true; /* something is there: it is checked like any other region */
    if (!make_room(file, status.st_size))
        return false;
    (void)fchmod(file, 0666); /* the umask may have taken bits away that the container's other users need */
    return pwrite(file, &header, sizeof header, 0) == (ssize_t)sizeof header;
}

/* A page of a file that is read first is mapped together with those around it, and has the kernel called once more when
 * it is written. One that is written first is mapped once and alone. Changes nothing. */
static void touch(uint64_t *word) {
    uint64_t none = 0;
    __atomic_compare_exchange_n(word, &none, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static bool map(struct region *region, int file) {
    struct stat status;
    if (region->may_create && !create(file))
        return fail(region, "cannot be created");
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        return fail(region, "is not a file");
    if (status.st_size < (off_t)sizeof(struct hami_region))
        return fail(region, "is too short for a region");
    struct hami_region *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        return fail(region, "cannot be mapped");
    touch(&mapped->compute.paid_until);
    if (mapped->magic != HAMI_REGION_MAGIC || mapped->abi != HAMI_REGION_ABI ||
        mapped->slot_count != HAMI_REGION_SLOTS) {
        munmap(mapped, sizeof *mapped);
        return fail(region, "is not a region of this version");
    }
    region->map = mapped;
    return true;
}

static COLD bool open_file(struct region *region) {
    int file = open(region->path, O_RDWR | O_CLOEXEC | O_NONBLOCK | (region->may_create ? O_CREAT : 0), 0666);
    if (file < 0)
        return fail(region, errno == ENOENT ? "does not exist" : "cannot be opened for writing");
    if (!map(region, file)) {
        close(file);
        return false;
    }
    region->file = file;
    region->failure = NULL;
    return true;
}

bool region_open(struct region *region) {
    return region->map != NULL || open_file(region);
}

static struct flock lock_on(size_t start, size_t length, short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)length};
}

/* Whether a lock's owner lives, the kernel knows: the lock goes with the open file description. */
static bool lock(const struct region *region, struct flock range) {
    return fcntl(region->file, F_OFD_SETLK, &range) == 0;
}

#define LOCK(region, field, type)                                                                                      \
    lock(region, lock_on(offsetof(struct hami_region, field), sizeof((struct hami_region){0}.field), type))

static bool lock_slot(const struct region *region, uint32_t slot, short type) {
    size_t start = offsetof(struct hami_region, slots) + slot * sizeof(struct hami_slot);
    return lock(region, lock_on(start, sizeof(struct hami_slot), type));
}

static struct flock lock_on_owner(uint32_t slot) {
    return lock_on(HAMI_REGION_OWNER(slot), 1, F_WRLCK);
}

/* By F_OFD_GETLK, which tells a process of its own record locks too. */
bool region_owner(const struct region *region, uint32_t slot, uint32_t *pid) {
    struct flock owner = lock_on_owner(slot);
    if (fcntl(region->file, F_OFD_GETLK, &owner) != 0 || owner.l_type == F_UNLCK || owner.l_pid <= 0)
        return false;
    *pid = (uint32_t)owner.l_pid;
    return true;
}

bool region_turn_begin(struct region *region) {
    return LOCK(region, ledger.used, F_WRLCK);
}

void region_turn_end(struct region *region) {
    LOCK(region, ledger.used, F_UNLCK);
}

/* Empties a slot whose lock we hold. */
static void bury(struct hami_region *map, uint32_t slot) {
    ledger_finish(map, slot);
    ledger_give(map, slot, UINT64_MAX);
    __atomic_store_n(&map->slots[slot].pid, 0, __ATOMIC_RELEASE);
}

static bool claimed(const struct hami_region *map, uint32_t slot) {
    return __atomic_load_n(&map->slots[slot].pid, __ATOMIC_ACQUIRE) != 0;
}

/* Processes begin their search in different places: else each of many that start at once would try the slots of all. */
static bool claim(struct region *region) {
    uint32_t first = (uint32_t)getpid();
    touch(&region->map->slots[first % HAMI_REGION_SLOTS].seq);
    for (uint32_t i = 0; i < HAMI_REGION_SLOTS; i++) {
        uint32_t slot = (first + i) % HAMI_REGION_SLOTS;
        if (!claimed(region->map, slot) && lock_slot(region, slot, F_WRLCK)) {
            bury(region->map, slot);
            region->slot = (int)slot;
            return true;
        }
    }
    return false;
}

/* Whom the file system gives no record lock counts all the same, and is not listed. */
static void sign(const struct region *region) {
    struct flock owner = lock_on_owner((uint32_t)region->slot);
    (void)fcntl(region->file, F_SETLK, &owner);
    __atomic_store_n(&region->map->slots[region->slot].pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
}

COLD bool region_sweep(struct region *region) {
    if (!LOCK(region, ledger.op, F_WRLCK))
        return false;
    for (uint32_t slot = 0; slot < HAMI_REGION_SLOTS; slot++) {
        /* Our own lock would not keep us out. */
        if ((int)slot == region->slot || !claimed(region->map, slot) || !lock_slot(region, slot, F_WRLCK))
            continue;
        bury(region->map, slot);
        lock_slot(region, slot, F_UNLCK);
    }
    LOCK(region, ledger.op, F_UNLCK);
    return true;
}

static COLD bool join(struct region *region) {
    if (!region_open(region))
        return false;
    if (!claim(region)) {
        if (!region_sweep(region))
            return false;
        if (!claim(region))
            return fail(region, "has no slot left for another process");
    }
    sign(region);
    return true;
}

bool region_join(struct region *region) {
    return region->slot >= 0 || join(region);
}

void region_forget(struct region *region) {
    if (region->map != NULL) {
        munmap(region->map, sizeof *region->map);
        close(region->file);
    }
    region->map = NULL;
    region->file = -1;
    region->slot = -1;
}
