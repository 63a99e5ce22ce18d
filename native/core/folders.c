/* The share folders that the plugin has mounted into this container. */
#include "core/folders.h"

#include "abi/share.h"
#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES_SIZE 1024 /* bytes: about ten */

static char *join(const char *folder, const char *name) {
    size_t size = strlen(folder) + 1 + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static const char *add_share(struct inventory *inventory, const char *folder) {
    char *limits_path = join(folder, HAMI_LIMITS_FILE);
    char *region_path = join(folder, HAMI_REGION_FILE);
    struct share *share = limits_path != NULL && region_path != NULL ? share_new(limits_path, region_path) : NULL;
    const char *problem = share != NULL ? limits_read(limits_path, &share->limits) : "needs memory that there is not";
    if (problem == NULL && !inventory_add_share(inventory, share))
        problem = "needs memory that there is not";
    if (problem != NULL) {
        free(share);
        free(limits_path);
        free(region_path);
    }
    return problem;
}

/* A share that cannot be read may be of any GPU. */
static void read_folder(struct inventory *inventory, const char *folder) {
    const char *problem = add_share(inventory, folder);
    if (problem == NULL)
        return;
    log_line(LOG_ERROR, "%s/%s: %s; GPUs without another share are closed", folder, HAMI_LIMITS_FILE, problem);
    inventory->closed = true;
}

/* File systems that do not tell what an entry is, and links, are looked at. */
static bool is_share_folder(const struct dirent *entry, const char *path) {
    struct stat status;
    return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || stat(path, &status) != 0 || S_ISDIR(status.st_mode));
}

static bool read_entry(struct inventory *inventory, const struct dirent *entry, const char *parent) {
    char *path = join(parent, entry->d_name);
    bool is_share = path == NULL || is_share_folder(entry, path);
    if (path == NULL)
        inventory->closed = true;
    else if (is_share)
        read_folder(inventory, path);
    free(path);
    return is_share;
}

/* By the kernel's own call: the C library would ask for 32 KiB, which is new memory in a process that has just started.
 * What is read has the form of its entries. */
static bool read_folders(struct inventory *inventory, int directory, const char *parent) {
    _Alignas(struct dirent) char entries[ENTRIES_SIZE];
    bool any = false;
    long length;
    while ((length = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0)
        for (long at = 0; at < length; at += ((struct dirent *)(entries + at))->d_reclen)
            any |= read_entry(inventory, (struct dirent *)(entries + at), parent);
    return any;
}

/* Where the plugin has made none, or there is no memory to say where, turns are not given. */
static void find_turns(struct inventory *inventory, const char *parent) {
    for (struct gpu *gpu = inventory->gpus; gpu != NULL; gpu = gpu->next) {
        char uuid[UUID_TEXT_SIZE];
        uuid_format(&gpu->uuid, uuid);
        char path[sizeof HAMI_TURNS_DIR + sizeof uuid + 2];
        snprintf(path, sizeof path, "%s/%s/", HAMI_TURNS_DIR, uuid + strlen("GPU-"));
        gpu->turns = join(parent, path);
    }
}

static bool read_parent(struct inventory *inventory, int directory, const char *parent) {
    if (directory < 0) {
        log_line(LOG_ERROR, "%s: %s; all GPUs are closed", parent, strerror(errno));
        inventory->closed = true;
        return true;
    }
    bool any = read_folders(inventory, directory, parent);
    find_turns(inventory, parent);
    close(directory);
    return any;
}

static int open_directory(const char *path) {
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
}

bool folders_read(struct inventory *inventory) {
    int directory = open_directory(HAMI_SHARES_DIR);
    if (directory >= 0 || errno != ENOENT)
        return read_parent(inventory, directory, HAMI_SHARES_DIR);
    const char *parent = getenv("HAMI_DRA_SHARES");
    return parent != NULL && read_parent(inventory, open_directory(parent), parent);
}
