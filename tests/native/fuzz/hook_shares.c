/* Share folders beside each other, as a hook finds them: what it adds up is what the shares that note its container
 * grant of its GPU, as each `limits` file by itself says, or there is a reason in one line.
 *
 * The input is shares, with a form feed between them: a character that says what the folder has, and its `limits`. */
#include "ocihook/shares.h"

#include "core/bytes.h"
#include "target.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 4

enum { WITHOUT_NOTE = 1, NOTE_IS_FOLDER = 2, WITHOUT_LIMITS = 4, HIDDEN = 8 };

static const struct state container = {.id = "c", .pid = 1};
static char root[] = "/dev/shm/hami-fuzz-shares-XXXXXX";

static void name_of(int share, bool hidden, char path[64]) {
    snprintf(path, 64, "%s/%s%d", root, hidden ? "." : "", share);
}

static void remove_share(const char *share) {
    char path[512];
    snprintf(path, sizeof path, "%s/containers/%s", share, container.id);
    if (unlink(path) != 0)
        rmdir(path);
    snprintf(path, sizeof path, "%s/containers", share);
    rmdir(path);
    snprintf(path, sizeof path, "%s/limits", share);
    unlink(path);
    rmdir(share);
}

static void remove_root(void) {
    rmdir(root);
}

static void make_note(const char *share, int has) {
    char path[512];
    snprintf(path, sizeof path, "%s/containers", share);
    target_expect(mkdir(path, 0755) == 0);
    snprintf(path, sizeof path, "%s/containers/%s", share, container.id);
    if ((has & NOTE_IS_FOLDER) != 0)
        target_expect(mkdir(path, 0755) == 0);
    else if ((has & WITHOUT_NOTE) == 0)
        target_expect(mknod(path, S_IFREG | 0644, 0) == 0);
}

static void make_limits(const char *share, const uint8_t *data, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/limits", share);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    target_expect(file >= 0 && write(file, data, size) == (ssize_t)size && close(file) == 0);
}

/* Lays out one share; tells whether it notes the container. */
static bool make_share(int number, const uint8_t *data, size_t size, char path[64]) {
    int has = size > 0 ? data[0] : 0;
    name_of(number, (has & HIDDEN) != 0, path);
    target_expect(mkdir(path, 0755) == 0);
    make_note(path, has);
    if ((has & WITHOUT_LIMITS) == 0)
        make_limits(path, data + (size > 0), size - (size > 0));
    return (has & (WITHOUT_NOTE | NOTE_IS_FOLDER | HIDDEN)) == 0;
}

/* What one share by itself says that it grants; false where that cannot be told. */
static bool granted(const char *share, const struct uuid *gpu, uint64_t *bytes) {
    char path[512];
    struct limits limits;
    snprintf(path, sizeof path, "%s/limits", share);
    *bytes = 0;
    if (limits_read(path, &limits) != NULL)
        return false;
    if (uuid_equal(&limits.gpu, gpu))
        *bytes = limits.memory;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct problem problem = {{0}};
    struct uuid gpu;
    char shares[MOST][64];
    bool fine = true;
    uint64_t expected = 0, sum, part;
    if (strchr(root, 'X') != NULL)
        target_expect(mkdtemp(root) != NULL && atexit(remove_root) == 0);
    target_expect(uuid_parse("GPU-00000000-0000-0000-0000-000000000000", &gpu));
    for (int i = 0; i < MOST; i++) {
        const uint8_t *end = size > 0 ? memchr(data, '\f', size) : NULL;
        size_t length = end != NULL ? (size_t)(end - data) : size;
        if (make_share(i, data, length, shares[i])) {
            fine = granted(shares[i], &gpu, &part) && fine;
            fine = fine && !__builtin_add_overflow(expected, part, &expected) && expected <= BYTES_MAX;
        }
        data += end != NULL ? length + 1 : length;
        size -= end != NULL ? length + 1 : length;
    }
    bool summed = shares_sum(shares[0], &container, &gpu, &sum, &problem);
    target_expect(summed == fine && (!summed || sum == expected));
    target_expect(summed || (problem.text[0] != '\0' && strchr(problem.text, '\n') == NULL));
    for (int i = 0; i < MOST; i++)
        remove_share(shares[i]);
    return 0;
}
