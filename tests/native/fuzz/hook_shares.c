/* Share folders beside each other, as a hook finds them: what it adds up is what the shares that note its container
 * grant of its GPU, as each `limits` file by itself says, or there is a reason in one line. The driver is to hold the
 * container if one of these notes says so.
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

enum { WITHOUT_NOTE = 1, NOTE_IS_FOLDER = 2, WITHOUT_LIMITS = 4, HIDDEN = 8, BY_DRIVER = 16 };

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

static void make_file(const char *path, const void *data, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    target_expect(file >= 0 && write(file, data, size) == (ssize_t)size && close(file) == 0);
}

static void make_note(const char *share, int has) {
    static const char note[] = "version 1\nenforce driver\n";
    char path[512];
    snprintf(path, sizeof path, "%s/containers", share);
    target_expect(mkdir(path, 0755) == 0);
    snprintf(path, sizeof path, "%s/containers/%s", share, container.id);
    if ((has & NOTE_IS_FOLDER) != 0)
        target_expect(mkdir(path, 0755) == 0);
    else if ((has & WITHOUT_NOTE) == 0)
        make_file(path, note, (has & BY_DRIVER) != 0 ? strlen(note) : strlen("version 1\n"));
}

static void make_limits(const char *share, const uint8_t *data, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/limits", share);
    make_file(path, data, size);
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
static bool granted(const char *share, bool is_by_driver, const struct uuid *gpu, struct grant *grant) {
    char path[512];
    struct limits limits;
    snprintf(path, sizeof path, "%s/limits", share);
    *grant = (struct grant){.bytes = 0};
    if (limits_read(path, &limits) != NULL)
        return false;
    if (uuid_equal(&limits.gpu, gpu))
        *grant = (struct grant){limits.memory, is_by_driver};
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct problem problem = {{0}};
    struct uuid gpu;
    char shares[MOST][64];
    bool fine = true;
    struct grant expected = {.bytes = 0}, sum, part;
    if (strchr(root, 'X') != NULL)
        target_expect(mkdtemp(root) != NULL && atexit(remove_root) == 0);
    target_expect(uuid_parse("GPU-00000000-0000-0000-0000-000000000000", &gpu));
    for (int i = 0; i < MOST; i++) {
        const uint8_t *end = size > 0 ? memchr(data, '\f', size) : NULL;
        size_t length = end != NULL ? (size_t)(end - data) : size;
        if (make_share(i, data, length, shares[i])) {
            fine = granted(shares[i], length > 0 && (data[0] & BY_DRIVER) != 0, &gpu, &part) && fine;
            fine = fine && !__builtin_add_overflow(expected.bytes, part.bytes, &expected.bytes) &&
                   expected.bytes <= BYTES_MAX;
            expected.by_driver |= part.by_driver;
        }
        data += end != NULL ? length + 1 : length;
        size -= end != NULL ? length + 1 : length;
    }
    bool summed = shares_sum(shares[0], &container, &gpu, &sum, &problem);
    target_expect(summed == fine && (!summed || (sum.bytes == expected.bytes && sum.by_driver == expected.by_driver)));
    target_expect(summed || (problem.text[0] != '\0' && strchr(problem.text, '\n') == NULL));
    for (int i = 0; i < MOST; i++)
        remove_share(shares[i]);
    return 0;
}
