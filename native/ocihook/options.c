/* The hook's command line, which the plugin writes into a share's CDI device. */
#include "ocihook/options.h"

#include "core/bytes.h"

#include <string.h>

#define DEFAULT_MS 5000  /* half of what the runtime allows */
#define MOST_MS    60000 /* for a driver that takes long to load, where the runtime waits longer */

enum option { OPTION_SHARE, OPTION_NVML, OPTION_ENFORCE, OPTION_TIMEOUT, OPTIONS };

static const char *const names[OPTIONS] = {"--share", "--nvml", "--enforce", "--timeout-ms"};

static bool take_values(int count, char **arguments, const char *values[OPTIONS], struct problem *problem) {
    for (int i = 1; i < count; i += 2) {
        int option = 0;
        while (option < OPTIONS && strcmp(arguments[i], names[option]) != 0)
            option++;
        if (option == OPTIONS)
            return problem_is(problem, "there is no option %s", arguments[i]);
        if (i + 1 == count)
            return problem_is(problem, "%s needs a value", arguments[i]);
        if (values[option] != NULL)
            return problem_is(problem, "%s stands there twice", arguments[i]);
        values[option] = arguments[i + 1];
    }
    for (int option = 0; option < OPTION_TIMEOUT; option++)
        if (values[option] == NULL)
            return problem_is(problem, "%s is missing", names[option]);
    return true;
}

/* Its folder is told from its parent's by the last slash. */
static bool is_folder(const char *path) {
    size_t length = strlen(path);
    return length > 1 && path[0] == '/' && path[length - 1] != '/' && strrchr(path, '/') != path;
}

static bool take_timeout(const char *value, struct options *options, struct problem *problem) {
    uint64_t milliseconds = DEFAULT_MS;
    if (value != NULL && (!parse_number(value, &milliseconds) || milliseconds < 1 || milliseconds > MOST_MS))
        return problem_is(problem, "--timeout-ms %s: not a number from 1 to %d", value, MOST_MS);
    options->milliseconds = (int)milliseconds;
    return true;
}

bool options_parse(int count, char **arguments, struct options *options, struct problem *problem) {
    const char *values[OPTIONS] = {NULL};
    if (!take_values(count, arguments, values, problem))
        return false;
    const char *enforce = values[OPTION_ENFORCE];
    *options = (struct options){.share = values[OPTION_SHARE], .nvml = values[OPTION_NVML]};
    options->by_driver = strcmp(enforce, "driver") == 0;
    if (!options->by_driver && strcmp(enforce, "library") != 0)
        return problem_is(problem, "--enforce %s: neither driver nor library", enforce);
    if (!is_folder(options->share))
        return problem_is(problem, "--share %s: not the absolute path of a share's folder", options->share);
    if (options->nvml[0] != '/')
        return problem_is(problem, "--nvml %s: not an absolute path", options->nvml);
    return take_timeout(values[OPTION_TIMEOUT], options, problem);
}
