/* The note of a container in a share's folder. */
#include "ocihook/note.h"

#include "abi/share.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A container's id has no dot at its start, so no container's note is called like this. */
#define UNFINISHED "."

#define NOTE_SIZE  (PATH_MAX + 96)
#define BY_DRIVER  "enforce driver\n"
#define BY_LIBRARY "enforce library\n"

static int open_folder(const char *share) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", share, HAMI_CONTAINERS_DIR) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool write_whole(int file, const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(file, text, length);
        if (written < 0)
            return false;
        text += written;
        length -= (size_t)written;
    }
    return true;
}

/* Creates it under another name first. What a killed hook left there is replaced, never followed. */
static bool write_note(int folder, const char *id, const char *text) {
    char name[NAME_MAX + 1];
    snprintf(name, sizeof name, "%s%s", UNFINISHED, id);
    unlinkat(folder, name, 0);
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (file < 0)
        return false;
    bool written = write_whole(file, text, strlen(text)) && fchmod(file, 0644) == 0;
    close(file);
    if (written && renameat(folder, name, folder, id) == 0)
        return true;
    int reason = errno;
    unlinkat(folder, name, 0);
    errno = reason;
    return false;
}

bool note_write(const char *share, const struct state *state, const char *cgroup, bool by_driver,
                struct problem *problem) {
    char text[NOTE_SIZE];
    if (strchr(cgroup, '\n') != NULL)
        return problem_is(problem, "the name of the container's cgroup has a line break: %s", cgroup);
    snprintf(text, sizeof text, "version %d\ncgroup %s\npid %d\n%s", HAMI_CONTAINER_VERSION, cgroup, (int)state->pid,
             by_driver ? BY_DRIVER : BY_LIBRARY);
    int folder = open_folder(share);
    if (folder < 0)
        return problem_is(problem, "the share's folder %s/%s cannot be opened: %s: has the plugin prepared the claim?",
                          share, HAMI_CONTAINERS_DIR, strerror(errno));
    bool written = write_note(folder, state->id, text);
    int reason = errno;
    close(folder);
    return written || problem_is(problem,
                                 "the container cannot be noted in %s/%s: %s: the hook must run as root, and "
                                 "the folder must have room",
                                 share, HAMI_CONTAINERS_DIR, strerror(reason));
}

void note_remove(const char *share, const struct state *state) {
    int folder = open_folder(share);
    if (folder < 0)
        return;
    unlinkat(folder, state->id, 0);
    close(folder);
}

enum note note_read(int share, const struct state *state) {
    char path[PATH_MAX];
    char text[NOTE_SIZE];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", HAMI_CONTAINERS_DIR, state->id);
    int file = openat(share, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return NOTE_NONE;
    bool is_note = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    ssize_t length = is_note ? read(file, text, sizeof text - 1) : 0;
    close(file);
    text[length > 0 ? length : 0] = '\0';
    if (!is_note)
        return NOTE_NONE;
    return strstr(text, "\n" BY_DRIVER) != NULL ? NOTE_BY_DRIVER : NOTE_BY_LIBRARY;
}
