/* hami-sim: creates the state of a simulated machine, breaks and divides its GPUs, and shows what runs on them. */
#include "sim/common/queues.h"
#include "sim/tool/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *usage;
} commands[] = {
    {"create", tool_create,
     "STATE [--driver V] [--cuda M.N] [--context-memory BYTES] [--context-ms MS] [--process-list LIST] "
     "[--slice-us US] [--switch-us US] [--limits-backend BACKEND] --gpu KEY=VALUE,…"},
    {"fault", tool_fault, "STATE GPU-UUID KEY=VALUE…"},
    {"mig", tool_mig, "STATE GPU-UUID off | on [PROFILE…]"},
    {"show", tool_show, "STATE"},
    {"watch", tool_watch, "STATE MS"},
};

int tool_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("hami-sim: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return 1;
}

int tool_open(struct machine *machine, const char *path, uint32_t *own) {
    bool writable = access(path, W_OK) == 0;
    switch (machine_open(machine, path, writable)) {
    case MACHINE_OK:
        *own = writable ? queues_take(machine) : SIM_MAX_QUEUES;
        return 0;
    case MACHINE_ABSENT:
        return tool_fail("%s: cannot be opened", path);
    default:
        return tool_fail("%s: not the state of a simulated machine, or one of another version", path);
    }
}

/* What is still to be printed at a program's end fails without a word. */
static int printed(int status) {
    return fflush(stdout) == 0 ? status : tool_fail("standard output: %s", strerror(errno));
}

int main(int count, char **arguments) {
    const size_t known = sizeof(commands) / sizeof(commands[0]);
    for (size_t i = 0; count > 1 && i < known; i++)
        if (strcmp(arguments[1], commands[i].name) == 0)
            return printed(commands[i].run(count - 2, arguments + 2));
    for (size_t i = 0; i < known; i++)
        fprintf(stderr, "%s hami-sim %s %s\n", i == 0 ? "usage:" : "      ", commands[i].name, commands[i].usage);
    return 2;
}
