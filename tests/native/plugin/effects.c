/*
 * Preloaded into a plugin by tests: counts what it does to files, sockets and the API server, and at one of these
 * effects kills it or has the effect fail.
 *
 * The tests map the same plan ($EFFECTS_PLAN), so they can change it while the plugin runs. What counts are all calls
 * of libc that change something below the plan's root, and whatever is sent over TCP. A write counts twice: before it,
 * and when a part of it is done.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* tests/integration/test_crash_points/plan.py has the same. */
struct plan {
    uint32_t armed;
    uint32_t act_at;  /* the effect to act at, from 1 */
    uint32_t failure; /* the errno with which it fails, or 0: the process is killed instead */
    uint32_t seen;    /* effects so far */
    char root[512];   /* with a slash at the end */
    char acted_at[512];
};

#define A_PART 4096

static struct plan *plan;

__attribute__((constructor)) static void map_plan(void) {
    const char *path = getenv("EFFECTS_PLAN");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
        fprintf(stderr, "effects: cannot map EFFECTS_PLAN=%s: %s\n", path ? path : "", strerror(errno));
        exit(1);
    }
    plan = mapped;
    close(file);
}

/* Whether to act at this effect on a path: relative to the folder `at`, or of what `at` has open where it is NULL. */
static bool is_due(const char *call, int at, const char *path) {
    char base[PATH_MAX] = "", link[64], whole[2 * PATH_MAX];
    int before = errno;

    if (plan == NULL || !plan->armed)
        return false;
    if (path == NULL || path[0] != '/') {
        snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
        if (readlink(link, base, sizeof base - 1) < 0)
            base[0] = '\0';
        errno = before;
    }
    snprintf(whole, sizeof whole, "%s%s%s", base, base[0] && path ? "/" : "", path ? path : "");
    if (strncmp(whole, plan->root, strlen(plan->root)) != 0)
        return false;
    if (__atomic_add_fetch(&plan->seen, 1, __ATOMIC_SEQ_CST) != plan->act_at)
        return false;
    snprintf(plan->acted_at, sizeof plan->acted_at, "%s %s", call, whole + strlen(plan->root));
    return true;
}

static bool is_due_to_send(int socket) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int before = errno;
    bool tcp = getpeername(socket, (struct sockaddr *)&peer, &length) == 0 && peer.ss_family == AF_INET;

    errno = before;
    return tcp && is_due("send", AT_FDCWD, plan ? plan->root : "");
}

static int act(void) {
    if (plan->failure == 0)
        kill(getpid(), SIGKILL);
    errno = (int)plan->failure;
    return -1;
}

static size_t a_part(size_t size) {
    return size / 2 < A_PART ? size / 2 : A_PART;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define EFFECT(type, name, params, args, at, path)                                                                     \
    type name params {                                                                                                 \
        return is_due(#name, at, path) ? act() : REAL(name) args;                                                      \
    }

#define SEND(type, name, params, args)                                                                                 \
    type name params {                                                                                                 \
        return is_due_to_send(socket) ? act() : REAL(name) args;                                                       \
    }

/* `part` is the argument list of the same call for a part of the bytes. */
#define WRITE(name, params, args, part)                                                                                \
    ssize_t name params {                                                                                              \
        if (is_due(#name, fd, NULL))                                                                                   \
            return act();                                                                                              \
        if (is_due("a part of " #name, fd, NULL)) {                                                                    \
            REAL(name) part;                                                                                           \
            return act();                                                                                              \
        }                                                                                                              \
        return REAL(name) args;                                                                                        \
    }

/* To open is an effect where it makes or empties a file. */
#define OPEN(name, params, at, args)                                                                                   \
    int name params {                                                                                                  \
        mode_t mode = 0;                                                                                               \
        if (__OPEN_NEEDS_MODE(flags)) {                                                                                \
            va_list rest;                                                                                              \
            va_start(rest, flags);                                                                                     \
            mode = va_arg(rest, mode_t);                                                                               \
            va_end(rest);                                                                                              \
        }                                                                                                              \
        return (flags & (O_CREAT | O_TRUNC)) && is_due(#name, at, path) ? act() : REAL(name) args;                     \
    }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))

WRITE(write, (int fd, const void *from, size_t n), (fd, from, n), (fd, from, a_part(n)))
WRITE(pwrite, (int fd, const void *from, size_t n, off_t to), (fd, from, n, to), (fd, from, a_part(n), to))
WRITE(pwrite64, (int fd, const void *from, size_t n, off64_t to), (fd, from, n, to), (fd, from, a_part(n), to))
WRITE(writev, (int fd, const struct iovec *from, int n), (fd, from, n), (fd, from, 1))
WRITE(sendfile, (int fd, int in, off_t *from, size_t n), (fd, in, from, n), (fd, in, from, a_part(n)))
WRITE(sendfile64, (int fd, int in, off64_t *from, size_t n), (fd, in, from, n), (fd, in, from, a_part(n)))

EFFECT(int, mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
EFFECT(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), at, path)
EFFECT(int, rmdir, (const char *path), (path), AT_FDCWD, path)
EFFECT(int, unlink, (const char *path), (path), AT_FDCWD, path)
EFFECT(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), at, path)
EFFECT(int, rename, (const char *from, const char *to), (from, to), AT_FDCWD, to)
EFFECT(int, renameat, (int at, const char *from, int to_at, const char *to), (at, from, to_at, to), to_at, to)
EFFECT(int, link, (const char *from, const char *to), (from, to), AT_FDCWD, to)
EFFECT(int, linkat, (int at, const char *from, int to_at, const char *to, int flags), (at, from, to_at, to, flags),
       to_at, to)
EFFECT(int, symlink, (const char *content, const char *path), (content, path), AT_FDCWD, path)
EFFECT(int, symlinkat, (const char *content, int at, const char *path), (content, at, path), at, path)
EFFECT(int, chmod, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
EFFECT(int, fchmod, (int fd, mode_t mode), (fd, mode), fd, NULL)
EFFECT(int, fchmodat, (int at, const char *path, mode_t mode, int flags), (at, path, mode, flags), at, path)
EFFECT(int, chown, (const char *path, uid_t user, gid_t group), (path, user, group), AT_FDCWD, path)
EFFECT(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), fd, NULL)
EFFECT(int, truncate, (const char *path, off_t size), (path, size), AT_FDCWD, path)
EFFECT(int, truncate64, (const char *path, off64_t size), (path, size), AT_FDCWD, path)
EFFECT(int, ftruncate, (int fd, off_t size), (fd, size), fd, NULL)
EFFECT(int, ftruncate64, (int fd, off64_t size), (fd, size), fd, NULL)
EFFECT(int, fallocate, (int fd, int mode, off_t start, off_t size), (fd, mode, start, size), fd, NULL)
EFFECT(int, fallocate64, (int fd, int mode, off64_t start, off64_t size), (fd, mode, start, size), fd, NULL)
EFFECT(int, fsync, (int fd), (fd), fd, NULL)
EFFECT(int, fdatasync, (int fd), (fd), fd, NULL)

int bind(int socket, const struct sockaddr *address, socklen_t length) {
    const char *path = ((const struct sockaddr_un *)address)->sun_path;
    bool due = address->sa_family == AF_UNIX && is_due("bind", AT_FDCWD, path);

    return due ? act() : REAL(bind)(socket, address, length);
}

SEND(ssize_t, send, (int socket, const void *from, size_t n, int flags), (socket, from, n, flags))
SEND(ssize_t, sendmsg, (int socket, const struct msghdr *message, int flags), (socket, message, flags))
SEND(ssize_t, sendto, (int socket, const void *from, size_t n, int flags, const struct sockaddr *to, socklen_t length),
     (socket, from, n, flags, to, length))
