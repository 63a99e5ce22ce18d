/* Finds and maps the state of the machine that this library belongs to. */
#include "sim/common/machine.h"

#include "sim/common/mig.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool machine_root(const char *path, char *root, size_t size) {
    const char *lib = NULL;
    for (const char *at = strstr(path, "/lib"); at != NULL; at = strstr(at + 1, "/lib"))
        if (strncmp(at, "/lib/", 5) == 0 || strncmp(at, "/lib64/", 7) == 0)
            lib = at;
    if (lib == NULL)
        return false;
    size_t length = (size_t)(lib - path);
    if (length >= 4 && strncmp(lib - 4, "/usr", 4) == 0)
        length -= 4;
    if (length >= size)
        return false;
    memcpy(root, path, length);
    root[length] = '\0';
    return true;
}

static bool ends(const char *text, size_t size) {
    return memchr(text, '\0', size) != NULL;
}

static bool is_state(const struct sim_state *state) {
    if (memcmp(state->magic, SIM_MAGIC, sizeof(SIM_MAGIC)) != 0 || state->version != SIM_VERSION ||
        state->gpu_count > SIM_MAX_GPUS || atomic_load(&state->slots_seen) > SIM_MAX_SLOTS ||
        atomic_load(&state->shared_seen) > SIM_MAX_SHARED || atomic_load(&state->limits_seen) > SIM_MAX_LIMITS ||
        atomic_load(&state->queues_seen) > SIM_MAX_QUEUES || state->slice_ns == 0 ||
        atomic_load(&state->mig_count) > SIM_MAX_GPUS - state->gpu_count ||
        !ends(state->driver_version, sizeof(state->driver_version)))
        return false;
    for (unsigned i = 0; i < mig_entries(state); i++)
        if (!mig_is_sound(state, i) || !ends(state->gpus[i].uuid, sizeof(state->gpus[i].uuid)) ||
            !ends(state->gpus[i].name, sizeof(state->gpus[i].name)))
            return false;
    return true;
}

enum machine_status machine_open(struct machine *machine, const char *path, bool write) {
    int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        return MACHINE_ABSENT;
    struct stat file;
    if (fstat(fd, &file) != 0 || file.st_size != (off_t)sizeof(struct sim_state)) {
        close(fd);
        return MACHINE_FOREIGN;
    }
    void *map = mmap(NULL, sizeof(struct sim_state), PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || !is_state(map)) {
        if (map != MAP_FAILED)
            munmap(map, sizeof(struct sim_state));
        close(fd);
        return MACHINE_FOREIGN;
    }
    machine->state = map;
    machine->fd = fd;
    return MACHINE_OK;
}

#ifndef F_OFD_GETLK /* Linux 3.15; not in glibc 2.17's headers */
#define F_OFD_GETLK  36
#define F_OFD_SETLKW 38
#endif

static struct flock byte_of(const struct machine *machine, const void *member, short type) {
    off_t offset = (const char *)member - (const char *)machine->state;
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
}

bool machine_lock(const struct machine *machine, const void *member, short type, bool wait) {
    struct flock lock = byte_of(machine, member, type);
    int result;
    do
        result = fcntl(machine->fd, wait ? F_SETLKW : F_SETLK, &lock);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

bool machine_lock_apart(const struct machine *machine, const void *member, short type) {
    struct flock lock = byte_of(machine, member, type);
    int result;
    do
        result = fcntl(machine->fd, F_OFD_SETLKW, &lock);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* Unlike F_GETLK, F_OFD_GETLK also shows a process its own lock, so libnvidia-ml need not know what libcuda did in the
 * same process. */
bool machine_lock_owner(const struct machine *machine, const void *member, pid_t *pid) {
    struct flock lock = byte_of(machine, member, F_WRLCK);
    if (fcntl(machine->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return false;
    *pid = lock.l_pid;
    return true;
}

/* Root of the machine whose library this code is part of. */
static bool own_root(char *root, size_t size) {
    Dl_info self;
    return dladdr((void *)own_root, &self) != 0 && machine_root(self.dli_fname, root, size);
}

enum machine_status machine_open_own(struct machine *machine, bool write) {
    char path[PATH_MAX];
    if (!own_root(path, sizeof(path) - sizeof(SIM_STATE_PATH)))
        return MACHINE_ABSENT;
    strcat(path, SIM_STATE_PATH);
    return machine_open(machine, path, write);
}

static bool opens(const char *root, const char *node) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/dev/%s", root, node);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

bool machine_can_open(const char *node) {
    char root[PATH_MAX];
    return own_root(root, sizeof(root)) && opens(root, node);
}

static bool usable(const char *root, const struct sim_gpu *gpu) {
    char node[32];
    snprintf(node, sizeof(node), "nvidia%u", gpu->minor);
    return opens(root, node);
}

unsigned machine_usable_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]) {
    char root[PATH_MAX];
    unsigned count = 0;
    if (!own_root(root, sizeof(root)))
        return 0;
    for (unsigned i = 0; i < machine->state->gpu_count; i++)
        if (usable(root, &machine->state->gpus[i]))
            gpus[count++] = i;
    return count;
}
