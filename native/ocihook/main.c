/* hami-dra-oci-hook: notes a container in its share's folder and has the driver limit it, before it runs.
 *
 * A container runtime runs it as a createRuntime hook: the container's cgroup is there, and no instruction of the user
 * has run. What fails, fails the container: one line on standard error says why, which ends in an Event of the pod.
 */
#include "ocihook/cgroup.h"
#include "ocihook/clock.h"
#include "ocihook/driver.h"
#include "ocihook/note.h"
#include "ocihook/options.h"
#include "ocihook/problem.h"
#include "ocihook/shares.h"
#include "ocihook/state.h"
#include "ocihook/supervise.h"

#include <stdio.h>

static bool limit(const void *order, struct problem *problem) {
    return driver_limit(order, problem);
}

/* A container whose limit cannot be set leaves no note, so that the plugin does not look for it. */
static bool enforce(const struct options *options, const struct state *state, const char *cgroup, int64_t end,
                    struct problem *problem) {
    const struct driver_order order = {options->nvml, options->share, cgroup, state};
    int64_t left = end - clock_ms();
    if (supervise(limit, &order, left > 1 ? (int)left : 1, problem))
        return true;
    note_remove(options->share, state);
    return false;
}

/* A container with several shares of a GPU is held by the driver to all of them if it is to one: whichever hook comes
 * last sets that. What cannot be told of the others the plugin mends. */
static bool is_by_driver(const struct options *options, const struct state *state) {
    struct limits own;
    struct grant grant;
    struct problem unheard;
    return options->by_driver || (shares_own(options->share, &own, &unheard) &&
                                  shares_sum(options->share, state, &own.gpu, &grant, &unheard) && grant.by_driver);
}

/* On a node without cgroup v2 the library needs none: there a container starts, and goes unnoted. */
static bool run(const struct options *options, struct problem *problem) {
    struct state state;
    char cgroup[PATH_MAX];
    int64_t end = clock_ms() + options->milliseconds;
    if (!state_read(0, options->milliseconds, &state, problem))
        return false;
    if (!cgroup_find(state.pid, cgroup, problem))
        return !options->by_driver;
    return note_write(options->share, &state, cgroup, options->by_driver, problem) &&
           (!is_by_driver(options, &state) || enforce(options, &state, cgroup, end, problem));
}

int main(int count, char **arguments) {
    struct options options;
    struct problem problem;
    if (options_parse(count, arguments, &options, &problem) && run(&options, &problem))
        return 0;
    fprintf(stderr, "hami-dra-oci-hook: %s\n", problem.text);
    return 1;
}
