/* Which cgroup v2 a process is in, as the kernel says it.
 *
 * Linux 6.13 tells a process's cgroup by its pidfd: an id that is the same in all mount and cgroup namespaces, and that
 * neither the environment nor a mount can change. Ancestors, and on an older kernel the cgroup itself, are looked up in
 * the cgroup v2 tree, wherever it is mounted; a path that leads to another cgroup than the kernel's is not believed.
 */
#include "sim/common/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Newer than the C library's headers. */
#define CGROUP2_MAGIC   0x63677270
#define PIDFD_OPEN      434
#define INFO_CGROUP     4u   /* PIDFD_INFO_CGROUPID */
#define HANDLE_OF_INODE 0xfe /* FILEID_KERNFS */
#define ROOT            1    /* the inode of the tree's root */

struct info { /* struct pidfd_info in its first size */
    uint64_t mask;
    uint64_t cgroup;
    uint32_t rest[12];
};
#define GET_INFO _IOWR(0xff, 11, struct info)

static uint64_t told_by_kernel(void) {
    struct info info = {.mask = INFO_CGROUP};
    int process = (int)syscall(PIDFD_OPEN, getpid(), 0);
    if (process < 0)
        return 0;
    bool told = ioctl(process, GET_INFO, &info) == 0 && (info.mask & INFO_CGROUP) != 0;
    close(process);
    return told ? info.cgroup : 0;
}

static bool is_cgroup(int directory) {
    struct statfs filesystem;
    return fstatfs(directory, &filesystem) == 0 && filesystem.f_type == CGROUP2_MAGIC;
}

int cgroup_open(const char *path) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || is_cgroup(directory))
        return directory;
    close(directory);
    return -1;
}

static uint64_t id_of(int directory) {
    struct stat status;
    return fstat(directory, &status) == 0 ? status.st_ino : 0;
}

/* Opens the parent of a cgroup in the place of its own directory; negative where this process sees none. */
static int climb(int directory) {
    int parent = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0 && (!is_cgroup(parent) || id_of(parent) == id_of(directory))) {
        close(parent);
        parent = -1;
    }
    close(directory);
    return parent;
}

void cgroup_chain_of(int directory, cgroup_chain chain) {
    memset(chain, 0, sizeof(cgroup_chain));
    int current = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    for (unsigned i = 0; i < SIM_CGROUP_DEPTH && current >= 0; i++) {
        chain[i] = id_of(current);
        current = climb(current);
    }
    if (current >= 0)
        close(current);
}

bool cgroup_has_dmem(int directory) {
    bool has = id_of(directory) != ROOT;
    int current = climb(fcntl(directory, F_DUPFD_CLOEXEC, 0));
    for (; current >= 0; current = climb(current))
        has = has && fgetxattr(current, CGROUP_WITHOUT_DMEM, NULL, 0) < 0;
    return has;
}

/* The path behind "0::" in /proc/self/cgroup. */
static bool own_path(char path[PATH_MAX]) {
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL)
        return false;
    char line[PATH_MAX + 8];
    bool found = false;
    while (!found && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            found = (size_t)snprintf(path, PATH_MAX, "%s", line + 3) < PATH_MAX;
        }
    fclose(file);
    return found;
}

/* Opens `path` in the tree of which `mount` shows the part below `root`. */
static int open_below(const char *mount, const char *root, const char *path) {
    size_t skipped = strcmp(root, "/") == 0 ? 0 : strlen(root);
    char directory[2 * PATH_MAX];
    if (strncmp(path, root, skipped) != 0 || (path[skipped] != '/' && path[skipped] != '\0'))
        return -1;
    if ((size_t)snprintf(directory, sizeof(directory), "%s%s", mount, path + skipped) >= sizeof(directory))
        return -1;
    return cgroup_open(directory);
}

/* Opens this process's cgroup by the first mount that has it; `expected` is its id, or 0 if that is not known. */
static int open_own(uint64_t expected) {
    char path[PATH_MAX];
    FILE *mounts = own_path(path) ? fopen("/proc/self/mountinfo", "re") : NULL;
    if (mounts == NULL)
        return -1;
    char line[3 * PATH_MAX];
    int found = -1;
    while (found < 0 && fgets(line, sizeof(line), mounts) != NULL) {
        char root[PATH_MAX];
        char mount[PATH_MAX];
        if (strstr(line, " - cgroup2 ") == NULL || sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2)
            continue;
        found = open_below(mount, root, path);
        if (found >= 0 && expected != 0 && id_of(found) != expected) {
            close(found);
            found = -1;
        }
    }
    fclose(mounts);
    return found;
}

uint64_t cgroup_of_self(void) {
    uint64_t id = told_by_kernel();
    int directory = id == 0 ? open_own(0) : -1;
    if (directory >= 0) {
        id = id_of(directory);
        close(directory);
    }
    return id;
}

void cgroup_chain_of_self(cgroup_chain chain) {
    uint64_t id = told_by_kernel();
    int directory = open_own(id);
    if (directory >= 0) {
        cgroup_chain_of(directory, chain);
        close(directory);
        return;
    }
    memset(chain, 0, sizeof(cgroup_chain));
    chain[0] = id;
}

bool cgroup_exists(int directory, uint64_t id) {
    struct {
        struct file_handle handle;
        uint64_t inode;
    } name = {.handle = {.handle_bytes = sizeof(id), .handle_type = HANDLE_OF_INODE}};
    memcpy(name.handle.f_handle, &id, sizeof(id));
    int opened = open_by_handle_at(directory, &name.handle, O_PATH | O_CLOEXEC);
    if (opened < 0)
        return errno != ESTALE;
    close(opened);
    return true;
}
