/* Where a process is in the cgroup v2 tree.
 *
 * The kernel tells a process's place in /proc/<pid>/cgroup, and where the tree is mounted in /proc/self/mountinfo: at
 * /sys/fs/cgroup, or, beside hierarchies of version 1, below it. NVIDIA's driver looks at the former only.
 */
#include "ocihook/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270 /* newer than glibc 2.17's headers */

/* The place of a process below the tree's root: what follows "0::". */
static bool read_place(const char *process, char place[PATH_MAX], struct problem *problem) {
    char name[32];
    char line[PATH_MAX + 8];
    snprintf(name, sizeof name, "/proc/%s/cgroup", process);
    FILE *file = fopen(name, "re");
    if (file == NULL)
        return problem_is(problem, "the container's process cannot be looked at: %s: %s", name, strerror(errno));
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line, "0::", 3) == 0;
    fclose(file);
    if (!found)
        return problem_is(problem, "the node has no cgroup v2: boot it with systemd.unified_cgroup_hierarchy=1");
    line[strcspn(line, "\n")] = '\0';
    return (size_t)snprintf(place, PATH_MAX, "%s", line + 3) < PATH_MAX ||
           problem_is(problem, "the path of the container's cgroup is too long");
}

/* Whether `place` is `below` or an ancestor of it. */
static bool holds(const char *place, const char *below) {
    size_t length = strlen(place);
    return strcmp(place, "/") == 0 ||
           (strncmp(place, below, length) == 0 && (below[length] == '/' || below[length] == '\0'));
}

/* What limits the container must not limit the runtime and all that it starts. */
static bool find_place(pid_t pid, char place[PATH_MAX], struct problem *problem) {
    char own[PATH_MAX];
    char process[16];
    snprintf(process, sizeof process, "%d", (int)pid);
    if (!read_place(process, place, problem) || !read_place("self", own, problem))
        return false;
    return !holds(place, own) || problem_is(problem,
                                            "the container has no cgroup v2 of its own, but is in the runtime's, %s: "
                                            "boot the node with systemd.unified_cgroup_hierarchy=1",
                                            place);
}

/* Puts characters in place of mountinfo's octal escapes. */
static void unescape(char *text) {
    char *to = text;
    for (const char *at = text; *at != '\0'; to++) {
        unsigned code;
        if (*at == '\\' && sscanf(at + 1, "%3o", &code) == 1) {
            *to = (char)code;
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

static bool is_cgroup(const char *path) {
    struct statfs filesystem;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is = directory >= 0 && fstatfs(directory, &filesystem) == 0 && filesystem.f_type == CGROUP2_MAGIC;
    if (directory >= 0)
        close(directory);
    return is;
}

/* The directory of `place` in a mount that shows the tree below `root`; false if it is not in there. */
static bool find_below(const char *mount, const char *root, const char *place, char path[PATH_MAX]) {
    size_t skipped = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(place, root, skipped) != 0 || (place[skipped] != '/' && place[skipped] != '\0'))
        return false;
    return (size_t)snprintf(path, PATH_MAX, "%s%s", mount, place + skipped) < PATH_MAX && is_cgroup(path);
}

bool cgroup_find(pid_t pid, char path[PATH_MAX], struct problem *problem) {
    char place[PATH_MAX];
    char line[3 * PATH_MAX];
    if (!find_place(pid, place, problem))
        return false;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (mounts == NULL)
        return problem_is(problem, "/proc/self/mountinfo: %s", strerror(errno));
    bool found = false;
    while (!found && fgets(line, sizeof line, mounts) != NULL) {
        char root[PATH_MAX];
        char mount[PATH_MAX];
        if (strstr(line, " - cgroup2 ") == NULL || sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2)
            continue;
        unescape(root);
        unescape(mount);
        found = find_below(mount, root, place, path);
    }
    fclose(mounts);
    return found || problem_is(problem,
                               "the container's cgroup %s is in no mount of cgroup v2: mount it at "
                               "/sys/fs/cgroup on the node",
                               place);
}
