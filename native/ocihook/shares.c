/* What the shares of a container grant it of one GPU. */
#include "ocihook/shares.h"

#include "abi/share.h"
#include "core/bytes.h"
#include "ocihook/note.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool shares_own(const char *share, struct limits *limits, struct problem *problem) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", share, HAMI_LIMITS_FILE) >= sizeof path)
        return problem_is(problem, "the path of the share is too long: %s", share);
    const char *reason = limits_read(path, limits);
    return reason == NULL ||
           problem_is(problem, "%s %s: delete the pod, for its claim to be prepared anew", path, reason);
}

/* How the share whose folder is `name` in `parent` notes the container. */
static enum note note_in(int parent, const char *name, const struct state *state) {
    if (name[0] == '.')
        return NOTE_NONE;
    int share = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (share < 0)
        return NOTE_NONE;
    enum note note = note_read(share, state);
    close(share);
    return note;
}

static bool add(const char *parent, const char *name, enum note note, const struct uuid *gpu, struct grant *grant,
                struct problem *problem) {
    char share[PATH_MAX];
    struct limits limits;
    if ((size_t)snprintf(share, sizeof share, "%s/%s", parent, name) >= sizeof share)
        return problem_is(problem, "the path of the share is too long: %s", parent);
    if (!shares_own(share, &limits, problem))
        return false;
    if (!uuid_equal(&limits.gpu, gpu))
        return true;
    if (limits.memory > BYTES_MAX - grant->bytes)
        return problem_is(problem, "the shares of the container in %s add up to more than any GPU has", parent);
    grant->bytes += limits.memory;
    grant->by_driver |= note == NOTE_BY_DRIVER;
    return true;
}

bool shares_sum(const char *share, const struct state *state, const struct uuid *gpu, struct grant *grant,
                struct problem *problem) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(share, '/') - share), share);
    DIR *folder = opendir(parent);
    if (folder == NULL)
        return problem_is(problem, "the folder of shares %s cannot be read: %s", parent, strerror(errno));
    bool fine = true;
    *grant = (struct grant){.bytes = 0};
    errno = 0;
    for (struct dirent *entry; fine && (entry = readdir(folder)) != NULL; errno = 0) {
        enum note note = note_in(dirfd(folder), entry->d_name, state);
        if (note != NOTE_NONE)
            fine = add(parent, entry->d_name, note, gpu, grant, problem);
    }
    if (fine && errno != 0)
        fine = problem_is(problem, "the folder of shares %s cannot be read: %s", parent, strerror(errno));
    closedir(folder);
    return fine;
}
