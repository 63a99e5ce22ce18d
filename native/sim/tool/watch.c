/* hami-sim watch: prints over and over, as a line of JSON each time, for how long processes had each of a machine's
 * GPUs. */
#include "sim/common/engine.h"
#include "sim/tool/gpu.h"
#include "sim/tool/times.h"
#include "sim/tool/tool.h"

#include <stdio.h>
#include <time.h>

#define LONGEST_MS 3600000

static int print_line(const struct machine *machine, uint32_t own) {
    printf("{\"gpus\": [");
    for (unsigned i = 0; i < machine->state->gpu_count; i++) {
        printf("%s{\"uuid\": \"%s\", ", i == 0 ? "" : ", ", machine->state->gpus[i].uuid);
        if (!times_print(machine, i, own))
            return tool_fail("out of memory");
        printf("}");
    }
    printf("]}\n");
    return fflush(stdout) == 0 ? 0 : tool_fail("nobody reads what it prints");
}

static void sleep_until(uint64_t instant) {
    struct timespec time = {.tv_sec = (time_t)(instant / 1000000000), .tv_nsec = (long)(instant % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0)
        ;
}

int tool_watch(int count, char **arguments) {
    struct machine machine;
    uint64_t milliseconds;
    uint32_t own;
    if (count != 2 || !gpu_parse_number(arguments[1], LONGEST_MS, &milliseconds) || milliseconds == 0)
        return tool_fail("watch needs the path of the state file and a number of ms from 1 to %d", LONGEST_MS);
    if (tool_open(&machine, arguments[0], &own) != 0)
        return 1;
    for (uint64_t at = engine_clock();; at += milliseconds * 1000000) {
        sleep_until(at);
        if (print_line(&machine, own) != 0)
            return 1;
    }
}
