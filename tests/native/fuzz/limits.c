/* The `limits` file, by its text and as a file: both are understood alike, or refused with a reason. */
#include "core/limits.h"

#include "core/bytes.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *read_file(const uint8_t *data, size_t size, struct limits *limits) {
    static int file = -1;
    char path[64];
    if (file < 0)
        file = memfd_create("limits", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    target_expect(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    return limits_read(path, limits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct limits limits, of_file;
    const char *problem = read_file(data, size, &of_file);
    if (memchr(data, '\0', size) != NULL) {
        target_expect(problem != NULL);
        return 0;
    }
    char *text = target_text(data, size);
    target_expect(limits_parse(text, &limits) == problem);
    target_expect(problem != NULL || (limits.memory <= BYTES_MAX && limits.memory == of_file.memory));
    free(text);
    return 0;
}
