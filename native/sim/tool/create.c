/* hami-sim create: writes the state of a machine on which nothing runs yet. */
#include "sim/common/state.h"
#include "sim/tool/gpu.h"
#include "sim/tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The state to write. Only what comes before the slots is ever touched: a new machine runs nothing. */
static struct sim_state *state;

static int set_driver(const char *value) {
    if (strlen(value) >= sizeof(state->driver_version) || strspn(value, "0123456789.") != strlen(value) ||
        *value == '\0')
        return tool_fail("--driver %s: not a version such as 580.65.06", value);
    strcpy(state->driver_version, value);
    return 0;
}

static int set_cuda(const char *value) {
    unsigned major;
    unsigned minor;
    char rest;
    if (sscanf(value, "%2u.%1u%c", &major, &minor, &rest) != 2)
        return tool_fail("--cuda %s: not a version such as 13.0", value);
    state->cuda_version = major * 1000 + minor * 10;
    return 0;
}

static int set_context_memory(const char *value) {
    if (!gpu_parse_number(value, UINT64_MAX / 2, &state->context_memory) || state->context_memory % SIM_UNIT != 0)
        return tool_fail("--context-memory %s: not a number of bytes that is a multiple of %u", value, SIM_UNIT);
    return 0;
}

static int set_context_ms(const char *value) {
    uint64_t milliseconds;
    if (!gpu_parse_number(value, 60000, &milliseconds))
        return tool_fail("--context-ms %s: not a number of milliseconds up to 60000", value);
    state->context_ms = (uint32_t)milliseconds;
    return 0;
}

static int set_slice_us(const char *value) {
    uint64_t microseconds;
    if (!gpu_parse_number(value, 10000000, &microseconds) || microseconds < 100)
        return tool_fail("--slice-us %s: not a number of microseconds from 100 to 10000000", value);
    state->slice_ns = microseconds * 1000;
    return 0;
}

static int set_switch_us(const char *value) {
    uint64_t microseconds;
    if (!gpu_parse_number(value, 1000000, &microseconds))
        return tool_fail("--switch-us %s: not a number of microseconds up to 1000000", value);
    state->switch_ns = microseconds * 1000;
    return 0;
}

static int set_process_list(const char *value) {
    static const char *const lists[SIM_PROCESS_LISTS] = {"whole", "without-memory", "absent"};
    for (uint32_t list = 0; list < SIM_PROCESS_LISTS; list++)
        if (strcmp(value, lists[list]) == 0) {
            state->process_list = list;
            return 0;
        }
    return tool_fail("--process-list %s: not whole, without-memory or absent", value);
}

static int set_limits_backend(const char *value) {
    static const char *const backends[SIM_LIMITS_BACKENDS] = {"misc", "dmem"};
    for (uint32_t backend = 0; backend < SIM_LIMITS_BACKENDS; backend++)
        if (strcmp(value, backends[backend]) == 0) {
            state->limits_backend = backend;
            return 0;
        }
    return tool_fail("--limits-backend %s: not misc or dmem", value);
}

static int add_gpu(const char *value) {
    if (state->gpu_count == SIM_MAX_GPUS)
        return tool_fail("more than %d GPUs", SIM_MAX_GPUS);
    char error[256];
    if (!gpu_parse(value, &state->gpus[state->gpu_count], error, sizeof(error)))
        return tool_fail("--gpu %s: %s", value, error);
    state->gpu_count++;
    return 0;
}

static const struct {
    const char *name;
    int (*set)(const char *value);
} options[] = {
    {"--driver", set_driver},
    {"--cuda", set_cuda},
    {"--context-memory", set_context_memory},
    {"--context-ms", set_context_ms},
    {"--process-list", set_process_list},
    {"--limits-backend", set_limits_backend},
    {"--slice-us", set_slice_us},
    {"--switch-us", set_switch_us},
    {"--gpu", add_gpu},
};

static int set_option(const char *name, const char *value) {
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (strcmp(name, options[i].name) == 0)
            return value == NULL ? tool_fail("%s needs a value", name) : options[i].set(value);
    return tool_fail("unknown option %s", name);
}

static int write_state(int fd, const char *path) {
    const char *from = (const char *)state;
    size_t size = offsetof(struct sim_state, slots);
    for (size_t done = 0; done < size;) {
        ssize_t written = write(fd, from + done, size - done);
        if (written < 0)
            return tool_fail("%s: %s", path, strerror(errno));
        done += (size_t)written;
    }
    if (ftruncate(fd, sizeof(*state)) != 0 || fchmod(fd, 0666) != 0)
        return tool_fail("%s: %s", path, strerror(errno));
    return 0;
}

/* Refuses to overwrite: libraries may have the old state mapped, and would go on with it. */
int tool_create(int count, char **arguments) {
    if (count < 1)
        return tool_fail("create needs the path of the state file");
    /* Not from the heap, which knows no alignment to whole pages. */
    state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (state == MAP_FAILED)
        return tool_fail("out of memory");
    strcpy(state->magic, SIM_MAGIC);
    state->version = SIM_VERSION;
    set_driver("580.65.06");
    set_cuda("13.0");
    set_slice_us("2000");
    for (int i = 1; i < count; i += 2)
        if (set_option(arguments[i], i + 1 < count ? arguments[i + 1] : NULL) != 0)
            return 1;
    char error[256];
    if (!gpu_check_all(state->gpus, state->gpu_count, error, sizeof(error)))
        return tool_fail("%s", error);
    int fd = open(arguments[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return tool_fail("%s: %s", arguments[0], strerror(errno));
    int failed = write_state(fd, arguments[0]);
    if (failed)
        unlink(arguments[0]);
    close(fd);
    return failed;
}
