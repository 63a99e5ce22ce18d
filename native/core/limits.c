/* The `limits` file of a share folder: what a share is granted. Its format is told in abi/share.h. */
#include "core/limits.h"

#include "abi/share.h"
#include "core/bytes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LIMITS_SIZE 4096 /* bytes, far more than any version needs */
#define LINE_SIZE   256
#define WHOLE       100 /* percent */

enum key { KEY_VERSION, KEY_GPU, KEY_MEMORY, KEY_CORES, KEY_POLICY, KEY_PRIORITY, KEY_COUNT };

static const char *const key_names[KEY_COUNT] = {"version", "gpu", "memory", "cores", "policy", "priority"};

/* What must be there. Without the others a share has all of the GPU's time. */
static const char *const missing[KEY_COUNT] = {"has no version", "has no gpu", "has no memory"};

static bool read_cores(const char *value, struct limits *limits) {
    uint64_t cores;
    if (!parse_number(value, &cores) || cores > WHOLE)
        return false;
    limits->cores = cores != 0 ? (unsigned)cores : WHOLE;
    return true;
}

/* A newer plugin's policy is held like the strictest of ours. */
static enum policy read_policy(const char *value) {
    if (strcmp(value, "off") == 0)
        return POLICY_OFF;
    return strcmp(value, "work-conserving") == 0 ? POLICY_WORK_CONSERVING : POLICY_HARD;
}

static const char *read_value(enum key key, const char *value, struct limits *limits) {
    uint64_t version;
    switch (key) {
    case KEY_VERSION:
        if (!parse_number(value, &version))
            return "has a version that is not a number";
        return version == HAMI_LIMITS_VERSION ? NULL : "is of a version that is not known here";
    case KEY_GPU:
        return uuid_parse(value, &limits->gpu) ? NULL : "has a gpu that is not a UUID";
    case KEY_MEMORY:
        return parse_number(value, &limits->memory) ? NULL : "has a memory that is not a number of bytes";
    case KEY_CORES:
        return read_cores(value, limits) ? NULL : "has cores that are not a number from 0 to 100";
    case KEY_POLICY:
        limits->policy = read_policy(value);
        return NULL;
    case KEY_PRIORITY:
        limits->urgent = strcmp(value, "high") == 0;
        return NULL;
    default:
        return NULL;
    }
}

/* Keys that are not ours, of a newer plugin or of no concern to memory, are passed over. */
static const char *read_line(char *line, struct limits *limits, bool seen[KEY_COUNT]) {
    char *space = strchr(line, ' ');
    if (space == NULL)
        return "has a line that is not a key and a value";
    *space = '\0';
    for (int key = 0; key < KEY_COUNT; key++) {
        if (strcmp(line, key_names[key]) != 0)
            continue;
        if (seen[key])
            return "has a key twice";
        seen[key] = true;
        return read_value((enum key)key, space + 1, limits);
    }
    return NULL;
}

const char *limits_parse(const char *text, struct limits *limits) {
    bool seen[KEY_COUNT] = {false};
    *limits = (struct limits){.cores = WHOLE};
    while (*text != '\0') {
        char line[LINE_SIZE];
        const char *end = strchr(text, '\n');
        if (end == NULL)
            return "does not end with a newline";
        if (end - text >= LINE_SIZE)
            return "has a line that is too long";
        memcpy(line, text, (size_t)(end - text));
        line[end - text] = '\0';
        const char *problem = read_line(line, limits, seen);
        if (problem != NULL)
            return problem;
        text = end + 1;
    }
    for (int key = 0; key < KEY_COUNT; key++)
        if (!seen[key] && missing[key] != NULL)
            return missing[key];
    return NULL;
}

const char *limits_read(const char *path, struct limits *limits) {
    char text[LIMITS_SIZE];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = file >= 0 ? read(file, text, sizeof text) : -1;
    if (file >= 0)
        close(file);
    if (length < 0)
        return "cannot be read";
    if (length == sizeof text || memchr(text, '\0', (size_t)length) != NULL)
        return "is not a limits file";
    text[length] = '\0';
    return limits_parse(text, limits);
}
